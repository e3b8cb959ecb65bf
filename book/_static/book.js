// Opened from disk, a page may not read other pages: search without the excerpts from them.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// Whatever scrolls sideways in a box of its own can be reached and scrolled by keyboard. (The theme
// does this for code.)
function addTabStops() {
  document.querySelectorAll(".pst-scrollable-table-container, .cell_output .text_html, div.math").forEach((box) => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
}
window.addEventListener("load", () => (window.MathJax?.startup?.promise ?? Promise.resolve()).then(addTabStops));
window.addEventListener("resize", addTabStops);
