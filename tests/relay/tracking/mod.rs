//! Links, pixels and unsubscribes, from the mail to the numbers.
