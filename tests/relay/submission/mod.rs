//! What an authenticated sender may do, and what nobody may.
