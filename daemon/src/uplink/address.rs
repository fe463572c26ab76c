//! Where the cloud's MQTT endpoint is, and whether the way there is encrypted.

use std::net::IpAddr;

/// An address that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not `host:port`.
    #[error("the MQTT address {0:?} is not \"host:port\"")]
    Form(String),
    /// In the clear, over a network.
    #[error(
        "the MQTT address {0:?} is in the clear, which is allowed on this machine itself only; off it, mqtts:// is needed"
    )]
    Clear(String),
}

/// Where to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name or number.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Mutual TLS 1.3; without it only on loopback.
    pub tls: bool,
}

impl Address {
    /// Reads `host:port`, `mqtt://host:port` or `mqtts://host:port`. Without a scheme loopback
    /// is in the clear and everything else is not.
    ///
    /// # Errors
    /// When it is none of these, or in the clear off loopback.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let form = || AddressError::Form(text.chars().take(80).collect());
        let (tls, rest) = match text.split_once("://") {
            Some(("mqtts", rest)) => (Some(true), rest),
            Some(("mqtt", rest)) => (Some(false), rest),
            Some(_) => return Err(form()),
            None => (None, text),
        };
        let (host, port) = rest.rsplit_once(':').ok_or_else(form)?;
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let port = port.parse().map_err(|_| form())?;
        if host.is_empty() || port == 0 || host.contains(['/', ' ', '@']) {
            return Err(form());
        }
        let tls = tls.unwrap_or(!is_loopback(host));
        if !tls && !is_loopback(host) {
            return Err(AddressError::Clear(rest.to_owned()));
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            tls,
        })
    }
}

/// Whether packets to `host` stay on this machine.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("127.0.0.1:1883", "127.0.0.1", 1883, false)]
    #[case("mqtt://localhost:1884", "localhost", 1884, false)]
    #[case("mqtts://localhost:8883", "localhost", 8883, true)]
    #[case("limen.example:8883", "limen.example", 8883, true)]
    #[case("mqtts://10.0.0.7:8883", "10.0.0.7", 8883, true)]
    #[case("[::1]:1883", "::1", 1883, false)]
    fn an_address_is_read(
        #[case] text: &str,
        #[case] host: &str,
        #[case] port: u16,
        #[case] tls: bool,
    ) {
        let host = host.to_owned();
        assert_eq!(Address::parse(text), Ok(Address { host, port, tls }));
    }

    #[rstest]
    #[case("mqtt://limen.example:1883")]
    #[case("mqtt://10.0.0.7:1883")]
    fn nothing_goes_in_the_clear_off_this_machine(#[case] text: &str) {
        let refused = Address::parse(text).unwrap_err();
        assert!(matches!(refused, AddressError::Clear(_)), "{refused}");
        assert!(refused.to_string().contains("in the clear"), "{refused}");
    }

    #[rstest]
    #[case("")]
    #[case("limen.example")]
    #[case("http://limen.example:80")]
    #[case("host:port")]
    #[case("host:0")]
    #[case(":1883")]
    #[case("user@host:1883")]
    fn what_is_none_is_refused(#[case] text: &str) {
        assert!(matches!(Address::parse(text), Err(AddressError::Form(_))));
    }
}
