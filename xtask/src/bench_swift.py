"""One pass of Swift's own auditor: bench_swift.py CONF SWIFT_CONF.

Swift has no option for the place of swift.conf; here it is told before it looks.
"""
import sys

from swift.common import utils

utils.SWIFT_CONF_FILE = sys.argv[2]

from swift.common.daemon import run_daemon  # noqa: E402
from swift.container.auditor import ContainerAuditor  # noqa: E402

run_daemon(ContainerAuditor, sys.argv[1], once=True)
