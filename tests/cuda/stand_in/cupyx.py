"""With this folder on the path, `import cupyx` gives the strict stand-in."""

import sys

import strict_cupyx

sys.modules["cupyx"] = sys.modules["cupyx.profiler"] = strict_cupyx
