//! `error-code` of `wasi:http/types`: why a request or response came to nothing.

use std::fmt;

use dunlin_component::{record, variant};

record! {
    /// What the resolver of names said.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct DnsErrorPayload {
        /// The response code, as text.
        pub rcode: Option<String> => "rcode",
        /// The extended code.
        pub info_code: Option<u16> => "info-code",
    }
}

record! {
    /// The alert that ended a TLS connection.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct TlsAlertReceivedPayload {
        /// Its number.
        pub alert_id: Option<u8> => "alert-id",
        /// Its name.
        pub alert_message: Option<String> => "alert-message",
    }
}

record! {
    /// A field that is too large.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct FieldSizePayload {
        /// Its name.
        pub field_name: Option<String> => "field-name",
        /// Its bytes.
        pub field_size: Option<u32> => "field-size",
    }
}

variant! {
    /// Why a request or response came to nothing: the codes of the IANA's registry of proxy errors, and `internal-error`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum ErrorCode {
        /// Nobody said in time which address a name has.
        DnsTimeout => "DNS-timeout",
        /// A name could not be resolved.
        DnsError(DnsErrorPayload) => "DNS-error",
        /// There is no such destination.
        DestinationNotFound => "destination-not-found",
        /// The destination cannot be used now.
        DestinationUnavailable => "destination-unavailable",
        /// The destination's address must not be connected to.
        DestinationIpProhibited => "destination-IP-prohibited",
        /// No way leads to the destination's address.
        DestinationIpUnroutable => "destination-IP-unroutable",
        /// The destination does not accept connections.
        ConnectionRefused => "connection-refused",
        /// The connection ended early.
        ConnectionTerminated => "connection-terminated",
        /// The connection was not made in time.
        ConnectionTimeout => "connection-timeout",
        /// Nothing was read in time.
        ConnectionReadTimeout => "connection-read-timeout",
        /// Nothing was written in time.
        ConnectionWriteTimeout => "connection-write-timeout",
        /// No more connections are allowed.
        ConnectionLimitReached => "connection-limit-reached",
        /// TLS went wrong.
        TlsProtocolError => "TLS-protocol-error",
        /// A certificate is not one to trust.
        TlsCertificateError => "TLS-certificate-error",
        /// The other side ended TLS with an alert.
        TlsAlertReceived(TlsAlertReceivedPayload) => "TLS-alert-received",
        /// The request must not be made.
        HttpRequestDenied => "HTTP-request-denied",
        /// The request has to say its length.
        HttpRequestLengthRequired => "HTTP-request-length-required",
        /// The request's body is of another size than it was to be, or than is allowed.
        HttpRequestBodySize(Option<u64>) => "HTTP-request-body-size",
        /// There is no such method.
        HttpRequestMethodInvalid => "HTTP-request-method-invalid",
        /// The request's URI is none.
        HttpRequestUriInvalid => "HTTP-request-URI-invalid",
        /// The request's URI is too long.
        HttpRequestUriTooLong => "HTTP-request-URI-too-long",
        /// The request's header is too large.
        HttpRequestHeaderSectionSize(Option<u32>) => "HTTP-request-header-section-size",
        /// A field of the request's header is too large.
        HttpRequestHeaderSize(Option<FieldSizePayload>) => "HTTP-request-header-size",
        /// The request's trailer is too large.
        HttpRequestTrailerSectionSize(Option<u32>) => "HTTP-request-trailer-section-size",
        /// A field of the request's trailer is too large.
        HttpRequestTrailerSize(FieldSizePayload) => "HTTP-request-trailer-size",
        /// The response ended early.
        HttpResponseIncomplete => "HTTP-response-incomplete",
        /// The response's header is too large.
        HttpResponseHeaderSectionSize(Option<u32>) => "HTTP-response-header-section-size",
        /// A field of the response's header is too large.
        HttpResponseHeaderSize(FieldSizePayload) => "HTTP-response-header-size",
        /// The response's body is of another size than it was to be, or than is allowed.
        HttpResponseBodySize(Option<u64>) => "HTTP-response-body-size",
        /// The response's trailer is too large.
        HttpResponseTrailerSectionSize(Option<u32>) => "HTTP-response-trailer-section-size",
        /// A field of the response's trailer is too large.
        HttpResponseTrailerSize(FieldSizePayload) => "HTTP-response-trailer-size",
        /// The response's transfer coding is unknown or wrong.
        HttpResponseTransferCoding(Option<String>) => "HTTP-response-transfer-coding",
        /// The response's content coding is unknown or wrong.
        HttpResponseContentCoding(Option<String>) => "HTTP-response-content-coding",
        /// No response came in time.
        HttpResponseTimeout => "HTTP-response-timeout",
        /// The protocol could not be changed.
        HttpUpgradeFailed => "HTTP-upgrade-failed",
        /// The other side does not speak HTTP.
        HttpProtocolError => "HTTP-protocol-error",
        /// The request has come back to where it was made.
        LoopDetected => "loop-detected",
        /// The host is not set up for it.
        ConfigurationError => "configuration-error",
        /// Something else, with what may be told of it.
        InternalError(Option<String>) => "internal-error",
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::DnsTimeout => "the name was not resolved in time",
            Self::DnsError(_) => "the name could not be resolved",
            Self::DestinationNotFound => "there is no such destination",
            Self::DestinationUnavailable => "the destination is not available",
            Self::DestinationIpProhibited => "the destination's address is prohibited",
            Self::DestinationIpUnroutable => "no route leads to the destination",
            Self::ConnectionRefused => "the connection was refused",
            Self::ConnectionTerminated => "the connection ended early",
            Self::ConnectionTimeout => "the connection was not made in time",
            Self::ConnectionReadTimeout => "nothing was read in time",
            Self::ConnectionWriteTimeout => "nothing was written in time",
            Self::ConnectionLimitReached => "no more connections are allowed",
            Self::TlsProtocolError => "TLS went wrong",
            Self::TlsCertificateError => "the certificate is not to be trusted",
            Self::TlsAlertReceived(_) => "the other side ended TLS with an alert",
            Self::HttpRequestDenied => "the request is not allowed",
            Self::HttpRequestLengthRequired => "the request has to say its length",
            Self::HttpRequestBodySize(_) => "the request's body is not of the right size",
            Self::HttpRequestMethodInvalid => "the request's method is invalid",
            Self::HttpRequestUriInvalid => "the request's URI is invalid",
            Self::HttpRequestUriTooLong => "the request's URI is too long",
            Self::HttpRequestHeaderSectionSize(_) => "the request's header is too large",
            Self::HttpRequestHeaderSize(_) => "a field of the request is too large",
            Self::HttpRequestTrailerSectionSize(_) => "the request's trailer is too large",
            Self::HttpRequestTrailerSize(_) => "a field of the request's trailer is too large",
            Self::HttpResponseIncomplete => "the response is incomplete",
            Self::HttpResponseHeaderSectionSize(_) => "the response's header is too large",
            Self::HttpResponseHeaderSize(_) => "a field of the response is too large",
            Self::HttpResponseBodySize(_) => "the response's body is not of the right size",
            Self::HttpResponseTrailerSectionSize(_) => "the response's trailer is too large",
            Self::HttpResponseTrailerSize(_) => "a field of the response's trailer is too large",
            Self::HttpResponseTransferCoding(_) => "the response's transfer coding is wrong",
            Self::HttpResponseContentCoding(_) => "the response's content coding is wrong",
            Self::HttpResponseTimeout => "no response came in time",
            Self::HttpUpgradeFailed => "the protocol could not be changed",
            Self::HttpProtocolError => "the other side broke the protocol",
            Self::LoopDetected => "the request came back to where it was made",
            Self::ConfigurationError => "the host is not set up for it",
            Self::InternalError(None) => "internal error",
            Self::InternalError(Some(why)) => return write!(out, "internal error: {why}"),
        };
        out.write_str(text)
    }
}

impl std::error::Error for ErrorCode {}

impl ErrorCode {
    /// The code of an error of anybody's: itself if it is one, or has one among its causes.
    #[must_use]
    pub fn of(error: &(dyn std::error::Error + 'static)) -> ErrorCode {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(code) = error.downcast_ref::<ErrorCode>() {
                return code.clone();
            }
            cause = error.source();
        }
        ErrorCode::HttpProtocolError
    }
}
