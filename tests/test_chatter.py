import os
import subprocess
import sys

SCRIPT = """
import logging, warnings
from onoma.chatter import silence
silence()
warnings.warn("to be renamed", FutureWarning)
logging.getLogger("bitsandbytes.backends.cpu.ops").warning("no kernels")
logging.getLogger("torch.onnx").warning("no converter")
warnings.warn("yours")
logging.getLogger("mine").warning("heard")
"""


def test_only_what_concerns_the_user_is_heard():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env=os.environ)
    assert "yours" in done.stderr
    assert "heard" in done.stderr
    for chatter in ("to be renamed", "no kernels", "no converter"):
        assert chatter not in done.stderr
