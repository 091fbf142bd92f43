namespace Dtt.Data.Pickle;

/// <summary>An entry of a <see cref="StoredZip"/>.</summary>
/// <param name="Offset">Its first byte in the file.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Crc">Its checksum.</param>
public readonly record struct StoredEntry(long Offset, long Bytes, uint Crc);
