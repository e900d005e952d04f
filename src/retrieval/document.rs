//! A file as text: markdown and plain text as they are, PDF by the text that is in it.

/// Largest document.
pub const DOCUMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Longest text of one document, in characters.
const CHARS_MAX: usize = 2_000_000;

/// Why a document can not be used.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// By its name.
    #[error("is no document that can be read; use .md, .txt or .pdf")]
    Kind,
    /// Not text.
    #[error("is not valid UTF-8; save it as UTF-8")]
    NotUtf8,
    /// A damaged PDF, or one that is encrypted.
    #[error("the PDF can not be read ({0}); print it into a new PDF, or save its text as .txt")]
    Pdf(String),
    /// A scan, most likely.
    #[error("there is no text in it; a scanned PDF needs text recognition first")]
    NoText,
}

/// The text of the file `name`.
///
/// # Errors
/// It has none.
pub fn text_of(name: &str, bytes: &[u8]) -> Result<String, DocumentError> {
    let end = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let text = match end.as_str() {
        "md" | "markdown" | "txt" | "text" => {
            let text = std::str::from_utf8(bytes).map_err(|_| DocumentError::NotUtf8)?;
            text.trim_start_matches('\u{feff}').to_owned()
        }
        "pdf" => pdf(bytes)?,
        _ => return Err(DocumentError::Kind),
    };
    if !text.chars().any(char::is_alphanumeric) {
        return Err(DocumentError::NoText);
    }
    Ok(text.chars().take(CHARS_MAX).collect())
}

/// The library panics on some damaged files, and recurses on others: it works on a thread of its own,
/// with a large stack, whose end says so.
fn pdf(bytes: &[u8]) -> Result<String, DocumentError> {
    let bytes = bytes.to_vec();
    let work = move || pdf_extract::extract_text_from_mem(&bytes).map_err(|e| e.to_string());
    let thread = std::thread::Builder::new().name("pdf".into()).stack_size(64 * 1024 * 1024);
    let failed = |detail: &str| DocumentError::Pdf(detail.to_owned());
    let thread = thread.spawn(work).map_err(|e| failed(&e.to_string()))?;
    let text = thread.join().map_err(|_| failed("it is damaged"))?;
    text.map_err(|e| failed(e.lines().next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PDF of one page that says this, by hand.
    fn pdf_saying(words: &str) -> Vec<u8> {
        let stream = format!("BT /F1 12 Tf 20 100 Td ({words}) Tj ET");
        let objects = [
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
            format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len()),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
        ];
        let mut pdf = "%PDF-1.4\n".to_owned();
        let mut starts = Vec::new();
        for (n, object) in objects.iter().enumerate() {
            starts.push(pdf.len());
            pdf += &format!("{} 0 obj\n{object}\nendobj\n", n + 1);
        }
        let table = pdf.len();
        pdf += "xref\n0 6\n0000000000 65535 f \n";
        for start in starts {
            pdf += &format!("{start:010} 00000 n \n");
        }
        pdf += &format!("trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n");
        pdf.into_bytes()
    }

    #[test]
    fn the_text_of_each_kind_is_read() {
        assert_eq!(text_of("a.md", "\u{feff}# مرحبا".as_bytes()).unwrap(), "# مرحبا");
        let text = text_of("a.PDF", &pdf_saying("Opening hours are nine to four")).unwrap();
        assert!(text.contains("Opening hours are nine to four"), "{text:?}");
    }

    #[test]
    fn what_has_no_text_says_why() {
        let error = |name: &str, bytes: &[u8]| text_of(name, bytes).unwrap_err().to_string();
        assert!(error("a.docx", b"x").contains(".md, .txt or .pdf"));
        assert!(error("a.txt", b"\xff\xfe").contains("UTF-8"));
        assert!(error("a.txt", b" \n ").contains("no text"));
        assert!(error("a.pdf", b"%PDF-1.4 not really").contains("can not be read"));
        let mut damaged = pdf_saying("x");
        for at in (0..damaged.len()).step_by(7) {
            damaged[at] ^= 0x5a;
        }
        assert!(text_of("a.pdf", &damaged).is_err());
    }
}
