//! Pages and the JSON for programs.
