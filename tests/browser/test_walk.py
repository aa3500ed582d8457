"""The looking itself: each fault is found on a page that has it."""

import pytest
from playwright.sync_api import Browser

from tests.browser import walk

SOUND = (
    '<!doctype html><html lang="en"><head><title>Sound</title><style>:focus-visible {{ outline: 2px solid #00f }}'
    '</style></head><body><main><h1>A page</h1><a href="/x">A link</a>{}</main></body></html>'
)
FAULTS = {
    "structure": {
        '<p id="a">1</p><p id="a">2</p>': "there twice",
        "<h1>Another</h1>": "2 h1",
        "<h3>Deep</h3>": "comes h3",
        '<label for="nothing">x</label>': "for nothing",
        '<p aria-describedby="nothing">x</p>': "names nothing",
        '<p onclick="1">x</p>': "onclick",
        '<a href="javascript:alert(1)">x</a>': "runs",
        "<script>1</script>": "inside",
        "<table><tbody><tr><td>1</td></tr></tbody></table>": "without headers",
        '<time datetime="2026-01-01T00:00:00Z" data-local>x</time>': "UTC",
        "<p>None</p>": "none",
        "</main><main>": "2 main",
    },
    "width": {'<p><b style="display:block;width:3000px">x</b></p>': "too wide"},
    "clipped": {
        '<p style="width:40px;overflow:hidden;white-space:nowrap">a long text</p>': "does not fit",
        '<p style="width:40px">averylongwordindeed</p>': "does not fit",
    },
    "motion": {'<p style="transition: color 1s">x</p>': "moves"},
    "numbers": {
        '<table><thead><tr><th>n</th></tr></thead><tbody><tr><td class="num">7</td></tr></tbody></table>': "explains"
    },
    "keyboard": {
        '<p role="button">x</p>': "only for the mouse",
        '<p hx-get="/x">x</p>': "only for the mouse",
        '<button tabindex="2">x</button>': "order of its own",
        '<style>#q:focus { outline: none }</style><button id="q">x</button>': "cannot be seen",
        "<button onfocus=\"document.querySelector('a').focus()\">x</button><button>y</button>": "does not come",
    },
}
CASES = [(what, html, words) for what, cases in FAULTS.items() for html, words in cases.items()]


@pytest.mark.parametrize(("what", "html", "words"), CASES)
def test_a_fault_is_found(browser: Browser, what: str, html: str, words: str) -> None:
    page = browser.new_page(reduced_motion="reduce")

    def faults() -> list[str]:
        return walk.keyboard(page) if what == "keyboard" else walk.look(page, what)

    page.set_content(SOUND.format(""))
    assert faults() == []
    page.set_content(SOUND.format(html))
    found = faults()
    page.close()
    assert any(words in fault for fault in found), found


@pytest.mark.parametrize("html", ["<p><b></p></b>", "<div>", "</div>", '<p a="1" a="2"></p>', '<p "x"="1"></p>'])
def test_tags_that_do_not_match_are_found(html: str) -> None:
    assert walk.unbalanced('<div><br><svg><path d=""/></svg></div>') == []
    assert walk.unbalanced(html)


def test_axe_is_asked(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content('<html><body><p style="color:#ccc">words</p><img src="data:,"></body></html>')
    assert {fault.partition(":")[0] for fault in walk.axe(page, walk.WCAG)} >= {"image-alt", "html-has-lang"}
    assert [fault.partition(":")[0] for fault in walk.axe(page, walk.COLOURS)] == ["color-contrast"]
    page.close()
