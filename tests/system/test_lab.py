"""The notebooks in the real JupyterLab in a real browser: opened, run and operated by mouse and keys."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.system.browser import browser, page  # noqa: F401 - fixtures
from tests.system.jupyterlab import ROOT, Lab, outputs, running

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.system
SHOWN_MS = 90_000
"""How long something may take to appear; the machine may be busy."""
CHAIN = """\
name: mine
driver: reference
providers:
  openai: {dialect: openai, model: gpt-4}
  azure: {dialect: azure, model: gpt-4}
  anthropic: {dialect: anthropic, model: claude-sonnet-4}
order: [openai, azure, anthropic]  # as agreed
retry: {attempts: 2, backoff: fixed}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start JupyterLab once, on a folder with our notebooks, two runs and a chain."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    shutil.copytree(ROOT / "reports" / "samples", folder / "reports" / "samples")
    (folder / "mine.yaml").write_text(CHAIN)
    book = folder / "notebooks" / "chain-lab.ipynb"
    book.write_text(book.read_text().replace("chains/gpt4-azure-claude.yaml", "../mine.yaml"))
    with running(folder, folder / "home") as started:
        yield started


def test_a_run_is_chosen_and_a_notebook_of_it_runs(lab: Lab, page: Page) -> None:  # noqa: F811 - the fixture
    """The index opens a copy of a notebook on the run that was chosen; it runs, and shows its pictures and no traceback."""
    lab.open(page, "notebooks/index.ipynb")
    outputs(page)
    page.get_by_role("row", name="primary-429").click()
    page.get_by_role("button", name="retry-timing").click()
    page.get_by_role("tab", name="retry-timing.ipynb").wait_for(timeout=SHOWN_MS)
    assert 'run = \\".\\"' in (lab.folder / "reports/samples/primary-429/retry-timing.ipynb").read_text()
    lab.open(page, "reports/samples/primary-429/retry-timing.ipynb")
    shown = outputs(page)
    assert "Traceback" not in shown
    assert page.locator(".jp-OutputArea-output svg[role=img]").count() >= 1
    assert page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").count() == 0


def test_a_chain_is_reordered_failed_probed_and_written(lab: Lab, page: Page) -> None:  # noqa: F811 - the fixture
    """By keys and by the mouse; each change is probed at once, and the file changes on a click alone."""
    file = lab.folder / "mine.yaml"
    lab.open(page, "notebooks/chain-lab.ipynb")
    assert "Traceback" not in outputs(page)
    said = page.locator(".harness-lab .said")

    def probed(text: str) -> None:
        said.filter(has_text=text).wait_for(timeout=SHOWN_MS)
        page.locator(".harness-lab .picture svg").wait_for(timeout=SHOWN_MS)

    probed("openai → azure → anthropic: served by openai")
    page.locator("li[data-name=azure]").focus()
    page.keyboard.press("Alt+ArrowUp")
    assert page.evaluate("document.activeElement.dataset.name") == "azure"
    announced = page.locator(".harness-lab [role=status].unseen")
    assert announced.inner_text() == "azure is now 1 of 3. The order is azure, openai, anthropic."
    probed("azure → openai → anthropic: served by azure")
    before = page.locator(".harness-lab .picture").inner_html()
    page.get_by_label("What fails at azure").select_option("429")
    probed("azure → openai → anthropic: served by openai")
    assert page.locator(".harness-lab .picture").inner_html() != before

    drag(page, "anthropic", "azure")
    probed("anthropic → azure → openai: served by anthropic")
    page.locator("li[data-name=anthropic]").focus()
    page.keyboard.press("Space")
    probed("azure → openai: served by openai")
    assert file.read_text() == CHAIN

    page.get_by_role("button", name="Show the difference to the file").click()
    difference = page.locator(".harness-lab .difference")
    difference.filter(has_text="+order: [anthropic, azure, openai]").wait_for(timeout=SHOWN_MS)
    assert file.read_text() == CHAIN
    page.get_by_role("button", name="Write").click()
    said.filter(has_text="is in place").wait_for(timeout=SHOWN_MS)
    after = CHAIN.replace("[openai, azure, anthropic]", "[anthropic, azure, openai]")
    assert file.read_text() == after.replace("model: claude-sonnet-4}", "model: claude-sonnet-4, enabled: false}")
    assert [path.read_text() for path in lab.folder.glob("mine.yaml.*.bak")] == [CHAIN]


def test_requests_are_hovered_filtered_and_opened(lab: Lab, page: Page) -> None:  # noqa: F811 - the fixture
    """The story of the request under the mouse is shown, and a click draws its waterfall."""
    notebook = lab.folder / "notebooks" / "requests.ipynb"
    text = (ROOT / "notebooks" / "chain-lab.ipynb").read_text()
    text = text.replace("lab.chain(chain)", "from harness.report import open_run\\nlab.requests(open_run(chain))")
    notebook.write_text(text.replace("chains/gpt4-azure-claude.yaml", "../reports/samples/primary-429"))
    lab.open(page, "notebooks/requests.ipynb")
    assert "Traceback" not in outputs(page)
    page.get_by_label("phase").select_option(label="phase: fault")
    page.locator(".harness-lab .soft", has_text="of 653 requests").wait_for(timeout=SHOWN_MS)
    page.get_by_role("button", name="Slowest").click()
    story = page.locator(".harness-lab .said")
    story.filter(has_text="openai 429 ×3 → azure; served by azure after").wait_for(timeout=SHOWN_MS)
    page.locator(".harness-lab .picture svg").wait_for(timeout=SHOWN_MS)
    slowest = story.inner_text()
    box = page.locator("canvas.points").bounding_box()
    assert box is not None
    for down in range(20, 200, 4):  # to the cloud of those that fell back
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + down)
        if story.inner_text() != slowest:
            break
    hovered = story.inner_text().partition(" ")[0]
    assert hovered not in slowest
    page.mouse.down()
    page.mouse.up()
    page.locator(".harness-lab .picture + p", has_text=f"{hovered}: served by").wait_for(timeout=SHOWN_MS)


def drag(page: Page, name: str, onto: str) -> None:  # noqa: F811 - the fixture
    """Drag a row by the mouse to the upper half of another one."""
    start = page.locator(f"li[data-name={name}] .name").bounding_box()
    end = page.locator(f"li[data-name={onto}]").bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 5, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(start["x"] + 5, end["y"] + end["height"] / 2, steps=5)
    page.mouse.move(start["x"] + 5, end["y"] + 2, steps=3)
    page.mouse.up()
