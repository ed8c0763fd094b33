//! Handing mail to the servers that receive it.
pub mod window;
