//! How a link is to be compressed: both ends say so, the one who has connected last.

use vagus_config::Compression;
use vagus_wire::leaf::LeafInfo;

use super::talk::{NoLink, Talk};
use crate::delivery::wire::S2;

/// What an end that wants `mine` does. `None`: the other knows nothing of compression.
pub(super) fn agreed(mine: &Compression, theirs: &str) -> Option<Compression> {
    (!theirs.is_empty()).then(|| mine.agreed(theirs))
}

/// What is said of that to the other end: what it is by the way is each end's own business.
pub(super) fn named(mine: &Compression, agreed: &Compression) -> String {
    match mine {
        Compression::Auto(_) => mine.name(),
        _ => agreed.name(),
    }
    .to_owned()
}

/// The one who has connected says what it is to be, and what follows is compressed. `info` is
/// what it tells of itself.
pub(super) async fn ask(
    mut talk: Talk,
    mine: &Compression,
    agreed: &Compression,
    info: &LeafInfo,
) -> Result<Talk, NoLink> {
    let info = LeafInfo { compression: named(mine, agreed), ..info.clone() };
    talk.say(&info.line()?).await?;
    talk.through(S2::new(agreed.clone()))
}

/// The one who was connected to answers that, compressed already: once more with `info`.
pub(super) async fn answer(
    talk: Talk,
    mine: &Compression,
    agreed: &Compression,
    info: &LeafInfo,
) -> Result<Talk, NoLink> {
    let mut talk = talk.through(S2::new(agreed.clone()))?;
    let info = LeafInfo { compression: named(mine, agreed), ..info.clone() };
    talk.say(&info.line()?).await?;
    Ok(talk)
}
