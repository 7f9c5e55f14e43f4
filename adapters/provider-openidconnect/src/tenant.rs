//! Microsoft's tenants.

/// The placeholder for the tenant in Microsoft's metadata for many tenants.
pub(crate) const TENANT_ID: &str = "{tenantid}";

/// Returns the tenant of an issuer: the part in the place of `{tenantid}` in the template.
pub(crate) fn tenant_of<'a>(template: &str, issuer: &'a str) -> Option<&'a str> {
    let (before, after) = template.split_once(TENANT_ID)?;
    issuer.strip_prefix(before)?.strip_suffix(after)
}

/// Whether the text is a GUID, like Microsoft's tenants.
pub(crate) fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
}
