using System.Buffers.Binary;
using System.Security.Cryptography;
using Dtt.Data.Order;

namespace Dtt.Data.Tokens;

/// <summary>
/// Which documents are for validation: those whose hash, with the dataset's seed, falls below the fraction. Adding text never moves a document.
/// </summary>
internal readonly struct TokenSplit(double valFraction, long seed)
{
    private readonly ulong _salt = Mixing.Mix((ulong)seed);
    private readonly ulong _limit = valFraction <= 0 ? 0 : (ulong)(valFraction * 18446744073709551616.0);

    public bool IsValidation(ReadOnlySpan<byte> document)
    {
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(document, hash);
        return Mixing.Mix(BinaryPrimitives.ReadUInt64LittleEndian(hash) ^ _salt) < _limit;
    }
}
