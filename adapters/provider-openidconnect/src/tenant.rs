//! Microsoft's tenants.

/// The placeholder for the tenant in Microsoft's metadata for many tenants.
pub(crate) const TENANT_ID: &str = "{tenantid}";

/// Whether the text is a GUID, like Microsoft's tenants.
pub(crate) fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}
