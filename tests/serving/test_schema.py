"""What schemathesis makes up by the server's own description of its API, sent to a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from conftest import picture
from schemathesis.checks import CHECKS
from serving.running import Server, serving
