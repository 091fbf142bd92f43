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

    /// <summary>An Arrow file or stream: a row each.</summary>
    Arrow,

    /// <summary>A JSON array: an object each.</summary>
    JsonArray,

    /// <summary>Comma-separated values: a row each.</summary>
    CommaSeparated,

    /// <summary>Tab-separated values: a row each.</summary>
    TabSeparated,
}
