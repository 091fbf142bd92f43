using static TorchSharp.torch;

namespace Dtt.Training.Imports;

/// <summary>A tensor in another program's file, not read yet.</summary>
/// <param name="File">The file, for errors.</param>
/// <param name="Name">What it is called there.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Read">Reads it as it is stored; the caller disposes it.</param>
internal sealed record ForeignTensor(string File, string Name, IReadOnlyList<long> Shape, Func<Tensor> Read)
{
    /// <summary>Its shape in words.</summary>
    public string ShapeInWords => $"({string.Join(", ", Shape)})";
}
