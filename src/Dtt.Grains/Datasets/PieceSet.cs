using System.Numerics;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Dtt.Grains.Datasets;

/// <summary>A set of piece numbers as a bitmap: an immutable value, base64 in JSON.</summary>
[JsonConverter(typeof(Converter))]
public sealed class PieceSet
{
    private readonly ulong[] _bits;

    private PieceSet(ulong[] bits)
    {
        _bits = bits;
        Count = bits.Sum(BitOperations.PopCount);
    }

    /// <summary>No pieces.</summary>
    public static PieceSet Empty { get; } = new([]);

    /// <summary>How many pieces.</summary>
    public int Count { get; }

    /// <summary>Whether a piece is in it.</summary>
    public bool Contains(int piece) => piece / 64 < _bits.Length && (_bits[piece / 64] >> (piece % 64) & 1) != 0;

    /// <summary>This and some more pieces.</summary>
    public PieceSet With(IEnumerable<int> pieces)
    {
        var bits = (ulong[])_bits.Clone();
        foreach (var piece in pieces)
        {
            if (piece / 64 >= bits.Length) Array.Resize(ref bits, piece / 64 + 1);
            bits[piece / 64] |= 1UL << (piece % 64);
        }

        return new PieceSet(bits);
    }

    internal sealed class Converter : JsonConverter<PieceSet>
    {
        public override PieceSet Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var bytes = reader.GetBytesFromBase64();
            var bits = new ulong[bytes.Length / 8];
            Buffer.BlockCopy(bytes, 0, bits, 0, bytes.Length);
            return new PieceSet(bits);
        }

        public override void Write(Utf8JsonWriter writer, PieceSet value, JsonSerializerOptions options) =>
            writer.WriteBase64StringValue(System.Runtime.InteropServices.MemoryMarshal.AsBytes<ulong>(value._bits));
    }
}
