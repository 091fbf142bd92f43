namespace Dtt.Data.Text;

/// <summary>How documents are separated in a piece.</summary>
public enum PieceFormat
{
    /// <summary>A document a line.</summary>
    Lines,

    /// <summary>Documents with empty lines between them.</summary>
    BlankLines,

    /// <summary>The file is one document.</summary>
    WholeFile,

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
