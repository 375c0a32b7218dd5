"""Command line of the stand-in: what it is started with is what it does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from interfaces.central.client import CentralClient
from interfaces.central.errors import CentralRefused
from interfaces.pb.eurodac.central.v1 import interoperability_pb2
from matcher.engine import Engine


@pytest.mark.parametrize("option", [(), ("--interoperability",)])
def test_interoperability_is_off_unless_the_centre_is_started_with_it(
    tmp_path: Path, engine: Engine, option: tuple[str, ...]
) -> None:
    command = [sys.executable, "-m", "interfaces.central.cli", "serve", "--unsafe-plaintext"]
    command += ["--folder", str(tmp_path), "--address", "127.0.0.1:0", *option]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ)
    assert process.stdout is not None
    try:
        port = json.loads(process.stdout.readline())["port"]
        client = CentralClient(f"127.0.0.1:{port}", "DK", credentials=None, timeout_seconds=20.0)
        request = interoperability_pb2.ListIdentityLinksRequest()
        if option:
            assert not client.send("ListIdentityLinks", request).links  # type: ignore[attr-defined]
        else:
            with pytest.raises(CentralRefused) as caught:
                client.send("ListIdentityLinks", request)
            assert [one.code for one in caught.value.violations] == ["I01"]
        client.close()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        process.stdout.close()
