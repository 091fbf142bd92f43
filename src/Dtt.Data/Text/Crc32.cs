using System.Buffers.Binary;

namespace Dtt.Data.Text;

/// <summary>gzip's checksum (RFC 1952, section 8), eight bytes at a time.</summary>
internal struct Crc32
{
    private const uint Polynomial = 0xEDB88320;
    private static readonly uint[] _tables = Tables();
    private uint _state;

    /// <summary>The checksum of what was added.</summary>
    public readonly uint Value => _state;

    /// <summary>Adds bytes.</summary>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        var (crc, t) = (~_state, _tables);
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            var (low, high) = (crc ^ BinaryPrimitives.ReadUInt32LittleEndian(bytes), BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]));
            crc = t[0x700 + (low & 0xFF)] ^ t[0x600 + (low >> 8 & 0xFF)] ^ t[0x500 + (low >> 16 & 0xFF)] ^ t[0x400 + (low >> 24)]
                ^ t[0x300 + (high & 0xFF)] ^ t[0x200 + (high >> 8 & 0xFF)] ^ t[0x100 + (high >> 16 & 0xFF)] ^ t[high >> 24];
        }

        foreach (var b in bytes) crc = t[(crc ^ b) & 0xFF] ^ crc >> 8;
        _state = ~crc;
    }

    /// <summary>Eight tables of 256: the checksum of a byte with 0 to 7 zero bytes behind it.</summary>
    private static uint[] Tables()
    {
        var tables = new uint[8 * 256];
        for (var i = 0; i < tables.Length; i++)
        {
            var crc = i < 256 ? (uint)i : tables[i - 256];
            for (var bit = 0; bit < 8; bit++) crc = crc >> 1 ^ ((crc & 1) != 0 ? Polynomial : 0);
            tables[i] = crc;
        }

        return tables;
    }
}
