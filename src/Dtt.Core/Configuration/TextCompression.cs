namespace Dtt.Core.Configuration;

/// <summary>How a file of text is compressed.</summary>
public enum TextCompression
{
    /// <summary>It is not.</summary>
    None,

    /// <summary>gzip: one member or several.</summary>
    Gzip,

    /// <summary>Zstandard: one frame or several.</summary>
    Zstandard,
}
