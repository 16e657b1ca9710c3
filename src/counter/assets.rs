//! Style sheets, script and icon: compiled in, served under `/assets/` from our own origin.
//!
//! A file's address holds a hash of its content, so that a browser may keep it for ever and a new
//! release is seen at once.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

/// One embedded file.
#[derive(Debug)]
pub struct Asset {
    /// The name with the hash: `payclear.3f2a9c01d4e5b677.css`.
    pub file: String,
    /// The type it is served with.
    pub content_type: &'static str,
    /// The content.
    pub bytes: &'static [u8],
}

impl Asset {
    fn new(name: &str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        let hash = hex::encode(Sha256::digest(bytes));
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "bin"));
        Self { file: format!("{stem}.{}.{extension}", &hash[..16]), content_type, bytes }
    }

    /// Where pages find it.
    pub fn path(&self) -> String {
        format!("/assets/{}", self.file)
    }
}

/// The files that pages name.
#[derive(Debug)]
pub struct Assets {
    /// The vendored design system.
    pub govuk: Asset,
    /// Ours, on top of it.
    pub style: Asset,
    /// The officers' desk, on top of it.
    pub desk: Asset,
    /// Copy buttons and looking again; pages work without it.
    pub script: Asset,
    /// The icon of the tab.
    pub icon: Asset,
}

/// All of them.
pub static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    const CSS: &str = "text/css; charset=utf-8";
    Assets {
        govuk: Asset::new(
            "govuk-frontend.css",
            CSS,
            include_bytes!("../../web/assets/govuk-frontend.min.css"),
        ),
        style: Asset::new("payclear.css", CSS, include_bytes!("../../web/assets/payclear.css")),
        desk: Asset::new("desk.css", CSS, include_bytes!("../../web/assets/desk.css")),
        script: Asset::new(
            "payclear.js",
            "text/javascript; charset=utf-8",
            include_bytes!("../../web/assets/payclear.js"),
        ),
        icon: Asset::new("icon.svg", "image/svg+xml", include_bytes!("../../web/assets/icon.svg")),
    }
});

impl Assets {
    /// Every file.
    pub fn all(&self) -> [&Asset; 5] {
        [&self.govuk, &self.style, &self.desk, &self.script, &self.icon]
    }
}

/// `GET /assets/{file}`.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/assets/{file}", get(serve))
}

async fn serve(Path(file): Path<String>) -> Response {
    const NO_SNIFF: (HeaderName, &str) = (header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    match ASSETS.all().into_iter().find(|asset| asset.file == file) {
        Some(asset) => (
            [
                (header::CONTENT_TYPE, asset.content_type),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
                NO_SNIFF,
            ],
            asset.bytes,
        )
            .into_response(),
        // A page of another release may ask for it a moment too early: not to be remembered.
        None => {
            (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, "no-store"), NO_SNIFF]).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(path: &str) -> Response {
        let request = Request::builder().uri(path).body(Body::empty()).expect("a request");
        routes::<()>().oneshot(request).await.expect("an answer")
    }

    #[tokio::test]
    async fn a_file_is_served_for_ever_under_its_hash_and_not_without_it() {
        for asset in ASSETS.all() {
            let answer = ask(&asset.path()).await;
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(answer.headers()[header::CONTENT_TYPE], asset.content_type);
            assert_eq!(answer.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
            let caching = answer.headers()[header::CACHE_CONTROL].to_str().expect("ascii");
            assert!(caching.contains("immutable"), "{caching}");
        }
        assert_eq!(ask("/assets/payclear.css").await.status(), StatusCode::NOT_FOUND);
        assert_eq!(ask("/assets/..%2f..%2fCargo.toml").await.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn no_style_sheet_loads_anything() {
        for asset in [&ASSETS.govuk, &ASSETS.style, &ASSETS.desk] {
            let text = std::str::from_utf8(asset.bytes).expect("utf-8");
            for remote in ["url(", "@import", "@font-face"] {
                assert!(!text.contains(remote), "{} has {remote}", asset.file);
            }
        }
    }
}
