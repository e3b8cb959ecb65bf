// The page of search results. PLACES (tools/find.py) has every block of text of the book; a result is a
// place, which is a section, or a name of the library. Shared with the other pages: words, in book.js.
{
  const SHOWN = 40;
  const AROUND = 110;
  // A chapter explains; the library's page lists.
  const WORTH = { chapter: 9, index: 5, records: 3, api: 0 };

  // What is asked for: numbers as a whole, words by their stem ("derived" finds "derivation"), no stop words.
  function terms(query) {
    const stemmer = new Stemmer();
    const asked = words(query.replace(/(?<=\d) (?=\d{3}\b)/g, ","))
      .map(({ word }) => word)
      .filter((word, at, all) => all.indexOf(word) === at);
    const telling = asked.filter((word) => !stopwords.includes(word));
    return (telling.length ? telling : asked).map((word) => {
      const stem = /^\p{L}{3,}$/u.test(word) ? stemmer.stemWord(word) : word;
      // The stemmer ends some words in a letter that they do not have ("deriv", but "happi").
      return stem !== word || /^\p{L}{4,}$/u.test(word) ? `${word.startsWith(stem) ? stem : stem.slice(0, -1)}*` : word;
    });
  }

  function find(query) {
    const asked = terms(query);
    if (!asked.length) return { asked, found: [] };
    const exact = words(query).map(({ word }) => word);
    const found = [];
    for (const page of PLACES) {
      for (const place of page.places) {
        const here = new Set();
        let best = null;
        let blocks = 0;
        for (const text of place.texts) {
          const hits = words(text)
            .map((hit) => ({ ...hit, term: asked.findIndex((term) => answers(hit.word, term)) }))
            .filter(({ term }) => term >= 0);
          if (!hits.length) continue;
          blocks += 1;
          const kinds = new Set(hits.map(({ term }) => term));
          kinds.forEach((kind) => here.add(kind));
          const whole = new Set(hits.map(({ word }) => word).filter((word) => exact.includes(word))).size;
          const worth = 4 * kinds.size + whole;
          if (!best || worth > best.worth) best = { text, hits, worth, all: kinds.size === asked.length };
        }
        if (here.size < asked.length) continue;
        const heading = words(place.title);
        const named = asked.every((term) => heading.some(({ word }) => answers(word, term)));
        found.push({
          page, place, best,
          score: WORTH[page.kind] + (named ? 8 : 0) + (best.all ? 5 : 0) + best.worth / asked.length + Math.min(blocks, 5) / 2,
        });
      }
    }
    return { asked, found: found.sort((one, other) => other.score - one.score) };
  }

  function excerpt({ text, hits }) {
    const paragraph = document.createElement("p");
    paragraph.className = "context";
    let from = Math.max(0, hits[0].start - AROUND);
    let to = Math.min(text.length, hits[0].end + AROUND);
    if (from) from = text.indexOf(" ", from) + 1 || from;
    if (to < text.length) to = Math.max(text.lastIndexOf(" ", to), hits[0].end);
    if (from > hits[0].start) from = hits[0].start;
    let at = from;
    if (from) paragraph.append("… ");
    for (const { start, end } of hits.filter((hit) => hit.end <= to && hit.start >= from)) {
      const mark = document.createElement("mark");
      mark.textContent = text.slice(start, end);
      paragraph.append(text.slice(at, start), mark);
      at = end;
    }
    paragraph.append(text.slice(at, to));
    if (to < text.length) paragraph.append(" …");
    return paragraph;
  }

  function show(query) {
    const { asked, found } = find(query);
    const list = document.createElement("ul");
    list.className = "search";
    for (const { page, place, best } of found.slice(0, SHOWN)) {
      const link = document.createElement("a");
      link.href = `${page.file}?hit=${encodeURIComponent(asked.join(" "))}#${place.id}`;
      link.textContent = place.title === page.title ? page.title : `${page.title} › ${place.title}`;
      const item = document.createElement("li");
      item.append(link, excerpt(best));
      list.append(item);
    }
    document.getElementById("search-results").replaceChildren(list);
    const pages = new Set(found.map(({ page }) => page)).size;
    const count = `${found.length} ${found.length === 1 ? "place" : "places"} on ${pages} ${pages === 1 ? "page" : "pages"}`;
    document.getElementById("search-count").textContent = !asked.length
      ? ""
      : !found.length
        ? `Nothing in the book has ${asked.length > 1 ? "all of these words in one section" : "this word"}.`
        : found.length > SHOWN ? `${count}; here are the first ${SHOWN}.` : `${count}.`;
  }

  const field = document.querySelector(".bd-search-container input[type=search]");
  field.value = new URLSearchParams(location.search).get("q") ?? "";
  show(field.value);
  let waiting;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => show(field.value), 150);
  });
  field.focus();
}
