//! Letters: by an SMTP server, or into a folder.

use std::path::PathBuf;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::config;

/// Why a letter does not go out.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// An address that is none.
    #[error("{0:?} is no address that letters can come from or go to")]
    Address(String, #[source] lettre::address::AddressError),
    /// The letter can't be made.
    #[error("a letter cannot be written")]
    Letter(#[from] lettre::error::Error),
    /// The server can't be used, or refuses.
    #[error("the mail server cannot be used: see [mail] in the configuration")]
    Smtp(#[from] lettre::transport::smtp::Error),
    /// The folder can't be written.
    #[error("the folder for letters cannot be written: see mail.folder in the configuration")]
    Folder(#[from] lettre::transport::file::Error),
    /// A file that belongs to it can't be read or made.
    #[error("cannot use {path} of [mail] in the configuration")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

enum Way {
    Folder(AsyncFileTransport<Tokio1Executor>),
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

/// Sends letters.
pub struct Mail {
    way: Way,
    from: Mailbox,
    page: String,
}

fn mailbox(address: &str) -> Result<Mailbox, MailError> {
    address
        .parse()
        .map_err(|error| MailError::Address(address.to_owned(), error))
}

impl Mail {
    /// As it is configured.
    ///
    /// # Errors
    /// When an address is none, or a file or folder can't be used. Whether the server answers is seen with the
    /// first letter.
    pub fn open(config: &config::Mail) -> Result<Self, MailError> {
        let way = match (&config.folder, &config.smtp) {
            (Some(folder), _) => {
                std::fs::create_dir_all(folder).map_err(|source| MailError::File {
                    path: folder.clone(),
                    source,
                })?;
                Way::Folder(AsyncFileTransport::new(folder))
            }
            (None, server) => {
                let mut smtp = AsyncSmtpTransport::<Tokio1Executor>::from_url(
                    server.as_deref().unwrap_or_default(),
                )?;
                if let (Some(user), Some(path)) = (&config.user, &config.password_file) {
                    let password =
                        std::fs::read_to_string(path).map_err(|source| MailError::File {
                            path: path.clone(),
                            source,
                        })?;
                    let password = password.trim_end_matches(['\r', '\n']).to_owned();
                    smtp = smtp.credentials(Credentials::new(user.clone(), password));
                }
                Way::Smtp(smtp.build())
            }
        };
        Ok(Self {
            way,
            from: mailbox(&config.from)?,
            page: config.page.trim_end_matches('/').to_owned(),
        })
    }

    /// The address of a page with its secret, for a letter.
    #[must_use]
    pub fn link(&self, page: &str, token: &str) -> String {
        format!("{}/{page}?token={token}", self.page)
    }

    /// Sends a letter in plain text.
    ///
    /// # Errors
    /// When the address is none, or the letter is not taken.
    pub async fn send(&self, to: &str, subject: &str, text: String) -> Result<(), MailError> {
        let letter = Message::builder()
            .from(self.from.clone())
            .to(mailbox(to)?)
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .body(text)?;
        match &self.way {
            Way::Folder(folder) => {
                folder.send(letter).await?;
            }
            Way::Smtp(smtp) => {
                smtp.send(letter).await?;
            }
        }
        Ok(())
    }
}
