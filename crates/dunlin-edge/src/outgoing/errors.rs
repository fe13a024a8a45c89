//! What goes wrong with connections and messages, as codes of `wasi:http`.

use std::error::Error;
use std::io;

use dunlin_wasi::preview2::http::{DnsErrorPayload, ErrorCode, TlsAlertReceivedPayload};

/// The code of a failure of a connection, or of what lies beneath it: the first that one of its causes says.
#[must_use]
pub fn error_code(error: &(dyn Error + 'static)) -> ErrorCode {
    let mut cause = Some(error);
    let mut of_hyper = None;
    while let Some(error) = cause {
        if let Some(code) = error.downcast_ref::<ErrorCode>() {
            return code.clone();
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return of_tls(error);
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            // What an error of the system wraps is not among its causes, but is one.
            match error.get_ref() {
                Some(inner) => {
                    cause = Some(inner);
                    continue;
                }
                None => return of_io(error),
            }
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            of_hyper = of_hyper.or(of_message(error));
        }
        cause = error.source();
    }
    of_hyper.unwrap_or(ErrorCode::HttpProtocolError)
}

/// What a message says itself, if its causes do not.
fn of_message(error: &hyper::Error) -> Option<ErrorCode> {
    if error.is_parse_too_large() {
        return Some(ErrorCode::HttpResponseHeaderSectionSize(None));
    }
    if error.is_parse() || error.is_user() {
        return Some(ErrorCode::HttpProtocolError);
    }
    if error.is_incomplete_message() {
        return Some(ErrorCode::HttpResponseIncomplete);
    }
    if error.is_timeout() {
        return Some(ErrorCode::ConnectionReadTimeout);
    }
    let is_gone = error.is_closed() || error.is_canceled() || error.is_body_write_aborted();
    is_gone.then_some(ErrorCode::ConnectionTerminated)
}

fn of_tls(error: &rustls::Error) -> ErrorCode {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            ErrorCode::TlsCertificateError
        }
        rustls::Error::AlertReceived(alert) => {
            ErrorCode::TlsAlertReceived(TlsAlertReceivedPayload {
                alert_id: Some(u8::from(*alert)),
                alert_message: Some(format!("{alert:?}")),
            })
        }
        _ => ErrorCode::TlsProtocolError,
    }
}

fn of_io(error: &io::Error) -> ErrorCode {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused => ErrorCode::ConnectionRefused,
        Kind::TimedOut => ErrorCode::ConnectionTimeout,
        Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => {
            ErrorCode::DestinationIpUnroutable
        }
        Kind::UnexpectedEof => ErrorCode::ConnectionTerminated,
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => {
            ErrorCode::ConnectionTerminated
        }
        Kind::AddrNotAvailable => ErrorCode::DestinationIpUnroutable,
        _ => ErrorCode::InternalError(None),
    }
}

/// A name that has no address.
pub(super) fn of_name() -> ErrorCode {
    ErrorCode::DnsError(DnsErrorPayload { rcode: Some("NXDOMAIN".into()), info_code: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_say_what_went_wrong() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(error_code(&reset), ErrorCode::ConnectionTerminated);
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::HandshakeFailure);
        let ErrorCode::TlsAlertReceived(told) = error_code(&io::Error::other(alert)) else {
            panic!("no alert")
        };
        assert_eq!(told.alert_id, Some(40));
        let own = io::Error::other(ErrorCode::LoopDetected);
        assert_eq!(error_code(&own), ErrorCode::LoopDetected);
    }
}
