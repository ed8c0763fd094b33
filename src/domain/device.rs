//! On what kind of device a client ran, as far as its agent tells.

use super::bounce::coded_enum;

coded_enum!(
    /// The kind of a client's device.
    Device {
        /// The agent does not tell, or the client stands for another, as a mailbox provider's proxy does.
        Unknown = 0, "unknown";
        /// A phone.
        Phone = 1, "phone";
        /// A tablet.
        Tablet = 2, "tablet";
        /// A desktop or laptop computer.
        Desktop = 3, "desktop";
    }
);
