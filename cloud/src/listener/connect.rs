//! Whom a CONNECT lets in.

use std::sync::Arc;

use limen_wire::topic::{Topic, Up};
use rumqttc::mqttbytes::v4::{Connect, ConnectReturnCode};
use rumqttc::mqttbytes::{Protocol, QoS};
use uuid::Uuid;

use crate::App;
use crate::downlink::Known;

/// Whom a certificate names, and the key that it is for.
pub(super) type Certified = (Uuid, [u8; 32]);

/// Why a client is not let in: what it is answered, and what is logged.
pub(super) struct Closed(pub(super) ConnectReturnCode, pub(super) &'static str);

/// The terminal that is connecting.
pub(super) async fn admit(
    app: &App,
    connect: &Connect,
    certified: Option<Certified>,
) -> Result<Arc<Known>, Closed> {
    use ConnectReturnCode::{
        BadClientId, NotAuthorized, RefusedProtocolVersion, ServiceUnavailable,
    };
    if connect.protocol != Protocol::V4 {
        return Err(Closed(
            RefusedProtocolVersion,
            "it speaks another MQTT than 3.1.1",
        ));
    }
    let id = Uuid::try_parse(&connect.client_id)
        .ok()
        .filter(|id| id.to_string() == connect.client_id)
        .ok_or(Closed(BadClientId, "its client id is no terminal id"))?;
    let known = match app.ingest.terminal(app, id).await {
        Ok(Some(known)) => known,
        Ok(None) => return Err(Closed(NotAuthorized, "no such terminal was claimed here")),
        Err(error) => {
            tracing::error!(terminal = %id, %error, "a terminal could not be looked up");
            return Err(Closed(ServiceUnavailable, "it could not be looked up"));
        }
    };
    if known.terminal.revoked.is_some() {
        return Err(Closed(NotAuthorized, "it was revoked"));
    }
    if certified.is_some_and(|named| named != (id, known.terminal.public_key)) {
        return Err(Closed(
            NotAuthorized,
            "its certificate is another terminal's, or for another key",
        ));
    }
    if let Some(will) = &connect.last_will {
        let own = Topic::up(id, Up::Status).to_string();
        if will.topic != own || will.retain || will.qos == QoS::ExactlyOnce {
            return Err(Closed(
                NotAuthorized,
                "its will is not on its own status topic, or is retained",
            ));
        }
    }
    Ok(known)
}
