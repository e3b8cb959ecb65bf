"""What belongs together stays on one line of a page."""

import pytest
import unbroken

TIED = "\N{NO-BREAK SPACE}"
FORMULA = r'<span class="math notranslate nohighlight">\(m - 1\)</span>'


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        (f"by {FORMULA}. Then", f'by <span class="together">{FORMULA}.</span> Then'),
        (f"({FORMULA}) and", f'<span class="together">({FORMULA})</span> and'),
        (f"{FORMULA} % of", f'<span class="together">{FORMULA} %</span> of'),
        (f"{FORMULA} of", f"{FORMULA} of"),
        ("10.41 % and 2.7 K. But 3 Kernels", f"10.41{TIED}% and 2.7{TIED}K. But 3 Kernels"),
        ("see <a>chapter 1</a>, Table I", f"see <a>chapter{TIED}1</a>, Table{TIED}I"),
        ("<pre>chapter 1, 10 %</pre>", "<pre>chapter 1, 10 %</pre>"),
        (r'<div class="math">\[10 % in chapter 1\]</div>', r'<div class="math">\[10 % in chapter 1\]</div>'),
        ('<span class="caption-number">Fig. 6.1 </span>', '<span class="caption-number">Fig. 6.1 </span>'),
        ('<span class="pre">--devices</span>', '<span class="pre short">--devices</span>'),
        (
            '<span class="pre">kernel_initializer=he_normal</span>',
            '<span class="pre short">kernel_initializer=</span><wbr/>'
            '<span class="pre short">he_normal</span>',
        ),
        (f'<span class="pre">{"name-" * 5}</span>', f'<span class="pre">{"name-" * 5}</span>'),
    ],
)
def test_what_belongs_together_stays_on_one_line(html, kept):
    page = "<nav>chapter 1</nav><article>{}</article><p>10 %</p>"
    assert unbroken.kept_together(page.format(html)) == page.format(kept)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("29,202 parameters\n", True),
        ("wrong: 61.0 %\n40 % fewer &lt;multiplications&gt;\n", True),
        ("    indented, and no column\n", True),
        ("naive       97.5 M\nGoogLeNet    7.0 M\n", False),
        ("layer\n-----------\nconv1\n", False),
    ],
)
def test_printed_sentences_are_marked_and_columns_are_not(text, sentences):
    page = (
        '<article><div class="output stream highlight-myst-ansi notranslate{}"><div class="highlight"><pre>'
        "<span></span>{}</pre></div></div></article>"
    )
    assert unbroken.kept_together(page.format("", text)) == page.format(" sentences" * sentences, text)
