"""With this folder on the path, `import cupy` gives the strict stand-in."""

import sys

import strict_cupy

sys.modules["cupy"] = strict_cupy
