//! Counts against facts: verify, rebuild, export, backup.

mod the_ledger_makes_the_pages_again;
