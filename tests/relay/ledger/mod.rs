//! Counts against facts: verify, rebuild, export, backup.
