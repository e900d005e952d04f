//! The address of a LiveKit server, in the forms that others need. Resolves nothing.

use super::LiveKitApiError;

/// A LiveKit address without a trailing slash. One server, three faces: WebSocket for workers and
/// browsers, HTTP for the API, origins for the page's security policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveKitUrl {
    secure: bool,
    authority: String,
    path: String,
}

impl LiveKitUrl {
    /// Understands ws, wss, http and https, with an optional path.
    ///
    /// # Errors
    /// Says what is wrong with the address.
    pub fn parse(text: &str) -> Result<Self, LiveKitApiError> {
        let refuse =
            |problem| LiveKitApiError::Url { url: text.chars().take(200).collect(), problem };
        let url = reqwest::Url::parse(text.trim()).map_err(|_| refuse("is not an address"))?;
        let secure = match url.scheme() {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(refuse("does not start with ws:// or wss://")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("has a user name in it; the key is a setting of its own"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("has a ? or # in it"));
        }
        let host = url.host_str().filter(|h| !h.is_empty()).ok_or(refuse("names no host"))?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let path = url.path().trim_end_matches('/').to_owned();
        Ok(Self { secure, authority, path })
    }

    /// For browsers and for joining: `ws://host:port/path`.
    pub fn ws_base(&self) -> String {
        format!("{}{}", self.ws_origin(), self.path)
    }

    /// For the API: `http://host:port/path`.
    pub fn http_base(&self) -> String {
        format!("{}{}", self.http_origin(), self.path)
    }

    /// `ws://host:port`
    pub fn ws_origin(&self) -> String {
        format!("{}://{}", if self.secure { "wss" } else { "ws" }, self.authority)
    }

    /// `http://host:port`
    pub fn http_origin(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_has_three_faces() {
        let url = LiveKitUrl::parse("https://lk.example.com/rtc/ ").unwrap();
        assert_eq!(url.ws_base(), "wss://lk.example.com/rtc");
        assert_eq!(url.http_base(), "https://lk.example.com/rtc");
        assert_eq!(url.ws_origin(), "wss://lk.example.com");
        let url = LiveKitUrl::parse("ws://[::1]:7880").unwrap();
        assert_eq!(url.ws_base(), "ws://[::1]:7880");
        assert_eq!(url.http_origin(), "http://[::1]:7880");
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for text in
            ["", "localhost:7880", "ftp://x", "ws://", "ws://u:p@x", "ws://x?y=1", "ws://x#y"]
        {
            let error = LiveKitUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains("ws://127.0.0.1:7880"), "{text}: {error}");
            assert!(!error.contains("  "), "{error}");
        }
    }
}
