using System.Runtime.CompilerServices;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cpu;

/// <summary>
/// Moves heads between how linear layers see them, (B, T, H hs), and how attention multiplies them, (P B H, S, hs): every context in P pieces of S tokens,
/// T = P S, and equal pieces of all sequences and heads one after the other.
/// </summary>
/// <param name="Batch">B.</param>
/// <param name="Pieces">P.</param>
/// <param name="Tokens">S.</param>
/// <param name="HeadSize">hs.</param>
internal sealed unsafe record HeadLayout(int Batch, int Pieces, int Tokens, int HeadSize)
{
    /// <summary>Some of the heads of (B, T, H hs), contiguous → (P B count, S, hs).</summary>
    public Tensor Split(Tensor packed, int first, int count)
    {
        var pieces = empty([(long)Pieces * Batch * count, Tokens, HeadSize], dtype: packed.dtype);
        Move(packed, pieces, first, count, toPacked: false);
        return pieces;
    }

    /// <summary>The way back, into some of the heads of (B, T, H hs).</summary>
    public void Join(Tensor pieces, Tensor packed, int first, int count) => Move(packed, pieces, first, count, toPacked: true);

    private void Move(Tensor packed, Tensor pieces, int first, int count, bool toPacked)
    {
        var size = (long)HeadSize * packed.element_size();
        var (width, whole, parts) = (packed.shape[2] * packed.element_size(), TensorMemory.AddressOf(packed), TensorMemory.AddressOf(pieces));
        OpenMp.For(Batch * Pieces * Tokens, (from, to) =>
        {
            for (var row = from; row < to; row++)
            {
                var (sequence, at) = Math.DivRem(row, Pieces * Tokens);
                var (piece, token) = Math.DivRem(at, Tokens);
                var inPacked = (byte*)whole + row * width + first * size;
                var inPieces = (byte*)parts + (((long)piece * Batch + sequence) * count * Tokens + token) * size;
                for (var head = 0; head < count; head++, inPacked += size, inPieces += Tokens * size)
                {
                    if (toPacked) Unsafe.CopyBlockUnaligned(inPacked, inPieces, (uint)size);
                    else Unsafe.CopyBlockUnaligned(inPieces, inPacked, (uint)size);
                }
            }
        });
    }
}
