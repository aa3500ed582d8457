"""An ECG as other systems read it: FHIR R4 and DICOM. Nothing here names a patient; all of it is made from values."""

from ml.interchange.dicom import write_dicom
from ml.interchange.exact import NotExact
from ml.interchange.fhir import write_fhir
from ml.interchange.outgoing import CODED, Outgoing, OutgoingReading, Result

__all__ = ["CODED", "NotExact", "Outgoing", "OutgoingReading", "Result", "write_dicom", "write_fhir"]
