"""Runs Swift's container auditor with a swift.conf of our choice instead of /etc/swift/swift.conf.

    SWIFT_CONF=FILE python launch.py CONF once -v
"""
import os
import sys

import swift.common.utils

swift.common.utils.SWIFT_CONF_FILE = os.environ['SWIFT_CONF']

from swift.container.auditor import main  # noqa: E402

sys.argv[0] = 'swift-container-auditor'
sys.exit(main())
