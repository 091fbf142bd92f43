namespace Dtt.Data.Text;

/// <summary>A document that cannot be read, while those behind it can: its message says where and why.</summary>
internal sealed class BadDocumentException(string message) : Exception(message);
