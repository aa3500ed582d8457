"""ECGs for other systems: FHIR R4 and DICOM."""
