"""JupyterLab in a headless browser: runs notebooks and moves the controls of their demos.

Needs the optional group `browser` and a Chromium (on Debian: apt install chromium).
"""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

NOTEBOOKS = [  # with a demo
    path
    for path in sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
    if "widgets." in path.read_text(encoding="utf-8")
]
SETTINGS = {
    # Every cell is in the page, also those out of sight.
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
PATIENCE = 300.0  # seconds for a notebook to run
DRAWN = """
    const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const picture = demo.querySelector("img.widget-image");
    const drawn = new Promise(done => {
        new MutationObserver(() => done(true)).observe(picture, {attributeFilter: ["src"]});
        let rest = setTimeout(() => done(false), 20000);  // the kernel was not asked
        kernel.statusChanged.connect((_, status) => {
            clearTimeout(rest);  // a kernel that rests for a second will draw no more
            if (status == "idle") rest = setTimeout(() => done(false), 1000);
        });
    });
"""  # a promise: true once the picture of the demo has changed, false if it does not


def chromium():
    """Path of a Chromium, or None."""
    found = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    return next(filter(None, found), None)


@contextlib.contextmanager
def serve(folder):
    """Serve a folder with JupyterLab, with a configuration and figures of its own.

    Yields
    ------
    str
        The address, with its token.
    """
    with tempfile.TemporaryDirectory() as home:
        for name, values in SETTINGS.items():
            path = Path(home, "settings", "@jupyterlab", f"{name}.jupyterlab-settings")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        settings = {
            "JUPYTER_CONFIG_DIR": f"{home}/config",
            "JUPYTERLAB_SETTINGS_DIR": f"{home}/settings",
            "JUPYTERLAB_WORKSPACES_DIR": f"{home}/workspaces",
            "CSGLD_FIGURES": f"{home}/figures",
        }
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        server = subprocess.Popen(
            [*command, "--expose-app-in-browser", f"--ServerApp.root_dir={folder}"],
            env={**os.environ, **settings},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield _address(server)
        finally:
            server.terminate()
            server.communicate()  # reads what it still says, so that it can end


def _address(server):
    """Where a starting server says that it listens."""
    said = []
    for line in server.stderr:
        said.append(line)
        if found := re.search(r"http://(?:localhost|127\.0\.0\.1)\S+token=\S+", line):
            return found[0]
    raise RuntimeError("JupyterLab did not start:\n" + "".join(said[-20:]))


@contextlib.contextmanager
def browser():
    """A headless Chromium.

    Raises
    ------
    ImportError
        Without the optional group `browser`.
    RuntimeError
        Without a Chromium.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise ImportError(
            'the browser needs Playwright: pip install "csgld_core[browser]"'
        ) from error
    if chromium() is None:
        raise RuntimeError("no Chromium here. On Debian: apt install chromium")
    with sync_playwright() as playwright:
        # Without its sandbox it also runs as root, as in most containers.
        yield playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])


class NotebookPage:
    """A notebook in JupyterLab.

    Parameters
    ----------
    browser
        What `browser` yields.
    address : str
        What `serve` yields.
    name : str
        File name of the notebook in the folder that is served.
    """

    def __init__(self, browser, address, name):
        self.page = browser.new_page(viewport={"width": 1400, "height": 1100})
        self.page.set_default_timeout(1e3 * PATIENCE)
        self.page.goto(address.replace("/lab?", f"/lab/tree/{name}?reset&"))
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.page.wait_for_function(
            "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status == 'idle'"
        )

    def close(self):
        """End the kernel and close the page."""
        self.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()

    def run_all(self):
        """Clear all outputs and run all cells.

        Returns
        -------
        list of str
            What went wrong: tracebacks, and whatever was written to stderr.
        """
        return self.page.evaluate(
            """async () => {
                const run = name => jupyterapp.commands.execute("notebook:" + name);
                await run("clear-all-cell-outputs");
                await run("run-all-cells");
                const cells = jupyterapp.shell.currentWidget.content.widgets;
                const outputs = cells.flatMap(cell => cell.model.sharedModel.outputs ?? []);
                return outputs
                    .filter(out => out.output_type == "error" || out.name == "stderr")
                    .map(out => JSON.stringify(out));
            }"""
        )

    def picture(self, n=0):
        """The pixels (height, width, 3) of a figure, in the order of the page."""
        return pixels(self.page.locator(".jp-RenderedImage img").nth(n))

    def demo(self, n=0):
        """A live demo, in the order of the page, once it is there."""
        return Demo(self.page, n)


class Demo:
    """A demo in a page: its sliders, its picture, and the numbers below."""

    def __init__(self, page, n):
        self.page = page
        self.box = page.locator(".widget-vbox:has(> img.widget-image)").nth(n)
        self.handles = self.box.locator(".widget-slider .noUi-handle")
        self.image = self.box.locator("img.widget-image")
        self.image.wait_for()
        self.image.scroll_into_view_if_needed()
        self._settle()

    def _settle(self):
        self.page.wait_for_timeout(300)  # the numbers follow the picture

    def state(self):
        """What a reader sees.

        Returns
        -------
        picture : array (height, width, 3)
        numbers : list of str
            The text below the picture.
        controls : list of str
            What the sliders read.
        """
        numbers, controls = self.box.evaluate(
            """demo => [".widget-html-content", ".widget-readout"].map(found =>
                [...demo.querySelectorAll(found)].map(element => element.innerText))"""
        )
        return pixels(self.image), numbers, controls

    def move(self, handle, key):
        """Press an arrow key on a slider; at the upper end, the other one.

        Returns
        -------
        float or None
            Milliseconds until the new picture is painted; None if it was not redrawn.
        """
        return self.box.evaluate(
            f"async (demo, [number, key]) => {{ {DRAWN}"
            """
                const handle = demo.querySelectorAll(".widget-slider .noUi-handle")[number];
                const {ariaValueNow: value, ariaValueMax: top} = handle;
                if (Number(value) >= Number(top)) key = "ArrowLeft";
                handle.focus();
                const start = performance.now();
                handle.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
                if (!await drawn) return null;
                await picture.decode();
                await new Promise(requestAnimationFrame);
                return performance.now() - start;
            }""",
            [handle, key],
        )

    def moves(self, count):
        """Move slider after slider by one step: up in one sweep, back in the next.

        Returns
        -------
        list of (float or None)
            What `move` returns.
        """
        sliders, times = self.handles.count(), []
        for n in range(count):
            self.page.wait_for_timeout(250)  # one event at a time, as a hand makes them
            times.append(self.move(n % sliders, ("ArrowRight", "ArrowLeft")[n // sliders % 2]))
        return times

    def reset(self):
        """Press the reset button, and wait until the demo has redrawn."""
        self.box.evaluate(
            f"async demo => {{ {DRAWN}"
            """
                const buttons = [...demo.querySelectorAll("button")];
                buttons.find(button => button.innerText == "reset").click();
                await drawn;
            }"""
        )
        self._settle()


def pixels(image):
    """The pixels (height, width, 3) of an image in a page."""
    content = image.evaluate(
        """async image => {
            const answer = await fetch(image.src);
            return [...new Uint8Array(await answer.arrayBuffer())];
        }"""
    )
    return np.asarray(Image.open(io.BytesIO(bytes(content))).convert("RGB"))
