//! A site's keys, opened.

use std::sync::Arc;

use limen_wire::{SealingSecret, SecretKey};

use super::{Downlink, DownlinkError, locked};
use crate::App;
use crate::store::{Site, TenantId};
use crate::vault::Sealed;
use uuid::Uuid;

/// A site's keys: what it signs with, and what terminals seal to.
pub(crate) struct SiteKeys {
    /// Signs what terminals are told.
    pub signing: SecretKey,
    /// Opens what terminals seal.
    pub sealing: SealingSecret,
}

impl SiteKeys {
    fn open(app: &App, tenant: TenantId, site: &Site) -> Result<Self, DownlinkError> {
        let open = |purpose, sealed: &[u8]| {
            let what = Sealed::Key {
                purpose,
                tenant,
                of: site.id,
            };
            app.vault
                .open_key(what, sealed)
                .map_err(|error| DownlinkError::Keys(site.id, error))
        };
        Ok(Self {
            signing: SecretKey::from_seed(*open("site-signing", &site.signing_sealed)?),
            sealing: SealingSecret::from_seed(*open("site-sealing", &site.sealing_sealed)?),
        })
    }
}

impl Downlink {
    /// The keys of a site. They never change while the program runs.
    pub(crate) async fn site(
        &self,
        app: &App,
        tenant: TenantId,
        site: Uuid,
    ) -> Result<Arc<SiteKeys>, DownlinkError> {
        if let Some(keys) = locked(&self.sites).get(&site) {
            return Ok(Arc::clone(keys));
        }
        let stored = app.store.site(tenant, site).await?;
        let stored = stored.ok_or(DownlinkError::NoSite(site))?;
        let keys = Arc::new(SiteKeys::open(app, tenant, &stored)?);
        locked(&self.sites).insert(site, Arc::clone(&keys));
        Ok(keys)
    }
}
