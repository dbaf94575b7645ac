"""The page in a real browser: Debian's Chromium, driven by Playwright. Screenshots are kept in build/screenshots."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium")
SHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"),
]
TEXT = "Ann <b>flew</b> from Rome to Oslo \U0001f680."


@pytest.fixture(scope="module")
def served(tiny_run, tmp_path_factory):
    """Starts `onoma ui`; gives its address and the file of verdicts."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "cities.yaml").write_text("gazetteers: {LOC: [Rome, Oslo]}\n")
    (folder / "people.yaml").write_text("gazetteers: {PER: [Ann], LOC: [Oslo]}\n")
    onoma = [sys.executable, "-m", "onoma"]
    bench = [*onoma, "bench", str(folder / "cities.yaml"), "--on", "examples:en-it", "--rounds", "1", "--json"]
    with (tiny_run.parent / "bench.json").open("w") as handle:
        subprocess.run(bench, stdout=handle, check=True)
    command = [*onoma, "ui", f"cities={folder / 'cities.yaml'}", f"adapter={tiny_run}"]
    command += [f"people={folder / 'people.yaml'}", "--runs", str(tiny_run.parent), "--review", "examples:en-it"]
    command += ["--verdicts", str(folder / "verdicts.jsonl"), "--journal", str(folder / "j.sqlite"), "--port", "0"]
    log = folder / "log.txt"
    with log.open("w") as handle:
        process = subprocess.Popen(command, stderr=handle, env=os.environ | {"COLUMNS": "200"})
    ends = time.monotonic() + 120
    while not (found := re.search(r"the page is at (http://\S+)", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < ends
        time.sleep(0.2)
    yield found[1], folder / "verdicts.jsonl"
    process.terminate()
    assert process.wait(timeout=30) in {0, -15}


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, served):
    """A fresh page; the test fails if its console shows an error or it asks another host."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    errors, hosts = [], set()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.goto(served[0])
    page.wait_for_selector("#result mark")
    yield page
    context.close()
    assert errors == []
    assert hosts == {served[0].split("/")[2]}


def shot(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def choose(page, box, option):
    page.locator(f"#{box} input").click()
    page.locator(f"#{box}").get_by_role("option", name=option, exact=True).click()


def marks(page):
    return page.locator("#result mark").all_inner_texts()


def find(page, text):
    page.locator("#text textarea").fill(text)
    page.locator("#go").click()
    page.wait_for_function("text => document.querySelector('#result').innerText.includes(text)", arg=text[:20])


def test_extract_filter_and_copy(page):
    choose(page, "adapter", "cities")
    find(page, TEXT)
    assert marks(page) == ["Rome", "Oslo"]
    assert page.locator("#result b").count() == 0  # the text's tags stay text
    page.get_by_text("As JSON").click()
    page.wait_for_selector("#as-json .cm-content")
    assert '"label": "LOC"' in page.locator("#as-json").inner_text()
    shot(page, "extract")
    page.locator("#labels label", has_text="LOC").click()
    page.wait_for_function("document.querySelectorAll('#result mark').length === 0")


def test_the_page_is_soon_usable_and_adapters_switch_at_once(browser, served):
    times = []
    context = browser.new_context()
    for _ in range(3):
        page = context.new_page()
        begun = time.perf_counter()
        page.goto(served[0])
        page.wait_for_selector("#result mark")
        times.append(time.perf_counter() - begun)
    assert sorted(times)[1] < 2.0
    switches = []
    find(page, TEXT)
    for name, count in (("cities", 2), ("people", 2), ("adapter", None), ("cities", 2)):
        page.locator("#adapter input").click()
        option = page.locator("#adapter").get_by_role("option", name=name, exact=True)
        # Measured in the page: a driver takes its own time to click.
        page.evaluate(
            """name => {
              const shown = () => document.querySelector("#result .onoma-note").innerText.startsWith(name);
              let begun = 0;
              window.addEventListener("mousedown", () => { begun = performance.now(); }, {once: true, capture: true});
              window.took = new Promise(resolve => {
                const look = () => shown() && begun ? resolve(performance.now() - begun) : requestAnimationFrame(look);
                look();
              });
            }""",
            f"{name}:",
        )
        option.click()
        switches.append(page.evaluate("window.took"))
        assert count is None or len(marks(page)) == count
    context.close()
    assert sorted(switches)[1] < 300


def test_two_side_by_side_and_a_link_to_them(page, served):
    choose(page, "adapter", "cities")
    choose(page, "other", "people")
    find(page, TEXT)
    page.wait_for_function("document.querySelectorAll('#result section').length === 2")
    assert page.locator("#result mark.differs").all_inner_texts() == ["Rome", "Ann"]
    shot(page, "compare")
    page.locator("#share").click()
    page.wait_for_url("**/?text=*")
    page.goto(page.url)
    page.wait_for_function("document.querySelectorAll('#result section').length === 2")
    assert page.locator("#text textarea").input_value() == TEXT


def test_runs_have_charts_and_cells_open_sentences(page):
    page.get_by_role("tab", name="Runs").click()
    page.wait_for_selector("#summary td")
    assert "tiny" in page.locator("#summary").inner_text()
    page.wait_for_selector(".js-plotly-plot .barlayer path")
    assert "cities.yaml" in page.locator("#costs td").first.inner_text()
    page.locator("#heat button").first.click()
    page.wait_for_selector("#sentences mark")
    shot(page, "runs")


def test_review_with_the_keyboard(page, served):
    from playwright.sync_api import TimeoutError as Late

    page.get_by_role("tab", name="Review").click()
    reviewer = page.locator("#reviewer input, #reviewer textarea").first
    standing = page.locator("#standing", has_text="by mira")
    # A page that is still being put together on a busy machine can lose the first key.
    for _ in range(3):
        reviewer.fill("mira")
        reviewer.press("Enter")
        with contextlib.suppress(Late):
            standing.wait_for(timeout=10_000)
            break
    assert standing.is_visible()
    box = page.locator("#review .onoma-text")
    box.click(position={"x": 2, "y": 2})

    def verdicts():
        path = served[1]
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def press(key, count):
        before = box.inner_text()
        page.keyboard.press(key)
        page.wait_for_function("text => document.querySelector('#review .onoma-text').innerText !== text", arg=before)
        assert len(verdicts()) == count
        return verdicts()[-1]

    assert press("a", 1)["decision"] == "accept"
    assert press("r", 2)["decision"] == "reject"
    # A word outside all entities, selected and labelled by number.
    start, end = box.evaluate(
        """box => {
          const node = [...box.childNodes].find(n => n.nodeType === 3 && /\\p{L}{3,}/u.test(n.textContent));
          const word = node.textContent.match(/\\p{L}{3,}/u);
          const range = document.createRange(), before = document.createRange();
          range.setStart(node, word.index); range.setEnd(node, word.index + word[0].length);
          getSelection().removeAllRanges(); getSelection().addRange(range);
          before.selectNodeContents(box); before.setEnd(node, word.index);
          const start = [...before.toString()].length;
          return [start, start + [...word[0]].length];
        }"""
    )
    page.keyboard.press("1")
    shot(page, "review")
    mended = press("a", 3)
    assert mended["decision"] == "mend"
    assert {"start": start, "end": end, "label": "ERROR"} in mended["spans"]
    assert mended["reviewer"] == "mira"
    page.reload()


def test_a_phone_in_the_dark(browser, served):
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark", is_mobile=True)
    page = context.new_page()
    page.goto(served[0])
    page.wait_for_selector("#result mark")
    width = page.evaluate("document.documentElement.scrollWidth")
    shot(page, "phone")
    page.get_by_role("tab", name="Journal").click()
    page.wait_for_function("document.querySelector('#journal').innerText.includes('There is no journal')")
    context.close()
    assert width <= 390
