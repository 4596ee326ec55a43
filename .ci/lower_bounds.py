"""The lower bounds in setup.cfg as constraints for pip: `click>=8.1,<9` is `click==8.1`."""

import re
from configparser import ConfigParser
from pathlib import Path

config = ConfigParser()
config.read(Path(__file__).parents[1] / "setup.cfg", encoding="utf-8")
extras = config["options.extras_require"]
declared = "".join([config["options"]["install_requires"], extras["test"], extras["docs"]])
for name, bound in sorted(set(re.findall(r"^([\w-]+)>=([\d.]+)", declared, re.MULTILINE))):
    print(f"{name}=={bound}")
