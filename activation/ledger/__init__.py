"""The tamper-evident record: a C2SP tiled transparency log of what the installation did."""

from activation.ledger.batches import RecordBatch, report_record_batch
from activation.ledger.checkpoints import Checkpoint
from activation.ledger.erasure import erase_subject
from activation.ledger.findings import Finding, LedgerReport
from activation.ledger.log_keys import create_log_key, load_verifier
from activation.ledger.notes import Verifier
from activation.ledger.proofs import ProvenRecord, prove_record, verify_proof
from activation.ledger.records import write_record_batch
from activation.ledger.sequencer import Sequencer
from activation.ledger.verify import verify_ledger

__all__ = [
    "Checkpoint",
    "Finding",
    "LedgerReport",
    "ProvenRecord",
    "RecordBatch",
    "Sequencer",
    "Verifier",
    "create_log_key",
    "erase_subject",
    "load_verifier",
    "prove_record",
    "report_record_batch",
    "verify_ledger",
    "verify_proof",
    "write_record_batch",
]
