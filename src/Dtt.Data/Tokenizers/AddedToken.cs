namespace Dtt.Data.Tokenizers;

/// <summary>A token that no text becomes: the end of a document, or a mark that chat templates and tools put there by its id.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">How it is written.</param>
/// <param name="IsSpecial">Whether Hugging Face's library leaves it out of decoded text.</param>
public sealed record AddedToken(int Id, string Content, bool IsSpecial = true);
