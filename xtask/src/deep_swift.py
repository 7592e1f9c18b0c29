"""Asks Swift's container auditor about one database after the other: paths on stdin, answers on stdout."""
import sys

from swift.container.auditor import ContainerAuditor

auditor = ContainerAuditor({})
for line in sys.stdin:
    auditor.passes = auditor.failures = 0
    auditor.audit(line.rstrip("\n"))
    print("passed" if auditor.passes else "failed" if auditor.failures else "skipped", flush=True)
