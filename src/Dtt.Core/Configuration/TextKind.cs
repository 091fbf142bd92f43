namespace Dtt.Core.Configuration;

/// <summary>How documents stand in a file.</summary>
public enum TextKind
{
    /// <summary>Plain text: lines, blocks between empty lines, or the whole file.</summary>
    Plain,

    /// <summary>A JSON object a line.</summary>
    JsonLines,

    /// <summary>A Parquet file: a row each.</summary>
    Parquet,
}
