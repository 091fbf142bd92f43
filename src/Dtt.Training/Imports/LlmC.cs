using System.Buffers.Binary;
using System.Globalization;
using System.Text.RegularExpressions;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using static TorchSharp.torch;

namespace Dtt.Training.Imports;

/// <summary>
/// llm.c's model files: 256 int32 (magic, version, context, vocabulary, layers, heads, width, padded vocabulary), then each weight of all layers one after
/// another, fp32 (version 3) or bf16 (version 5); matrices are (out, in), as here.
/// </summary>
internal static partial class LlmC
{
    private const int HeaderBytes = 1024;

    /// <summary>What it describes; the step is the number in its name, <c>model_00019552.bin</c>.</summary>
    /// <exception cref="BadDataException">It is of another version, or cut short.</exception>
    public static ForeignModel Read(string path)
    {
        using var stream = File.OpenRead(path);
        var header = new byte[HeaderBytes];
        if (stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length)
            throw new BadDataException($"{path} has {stream.Length:N0} bytes, and a header of llm.c's has {HeaderBytes:N0}: it is cut short.");
        long Word(int i) => BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(4 * i));
        var type = Word(1) switch
        {
            3 => ScalarType.Float32,
            5 => ScalarType.BFloat16,
            var version => throw new BadDataException($"{path} is of llm.c's version {version}; DTT reads 3 (fp32) and 5 (bf16): save it again with "
                + "today's llm.c."),
        };
        var (context, vocabulary, layers, heads, width, padded) = (Word(2), Word(3), Word(4), Word(5), Word(6), Word(7));
        if (context is < 1 or > 1 << 22 || vocabulary is < 1 or > 1 << 24 || layers is < 1 or > 4096 || heads < 1 || width is < 1 or > 1 << 20
            || padded < vocabulary || padded > 1 << 25)
        {
            throw new BadDataException($"{path}: its header describes no model: context {context}, vocabulary {vocabulary} padded to {padded}, "
                + $"{layers} layers, {heads} heads, width {width}. It is damaged.");
        }

        var weights = new Dictionary<string, ForeignTensor>(StringComparer.Ordinal);
        var (at, bytes) = ((long)HeaderBytes, type == ScalarType.Float32 ? 4 : 2);
        void Add(string name, params long[] shape)
        {
            var (from, size) = (at, shape.Aggregate(1L, (a, b) => a * b) * bytes);
            weights.Add(name, new ForeignTensor(path, name, shape, () => Read(path, from, shape, type)));
            at += size;
        }

        void AddLayers(string name, params long[] shape)
        {
            for (var layer = 0; layer < layers; layer++) Add($"transformer.h.{layer}.{name}", shape);
        }

        Add("transformer.wte.weight", padded, width);
        Add("transformer.wpe.weight", context, width);
        foreach (var (name, rows, columns) in new[]
        {
            ("ln_1", width, 0L), ("attn.c_attn", 3 * width, width), ("attn.c_proj", width, width), ("ln_2", width, 0L), ("mlp.c_fc", 4 * width, width),
            ("mlp.c_proj", width, 4 * width),
        })
        {
            long[] shape = columns == 0 ? [rows] : [rows, columns];
            AddLayers(name + ".weight", shape);
            AddLayers(name + ".bias", rows);
        }

        Add("transformer.ln_f.weight", width);
        Add("transformer.ln_f.bias", width);
        if (stream.Length != at)
            throw new BadDataException($"{path} has {stream.Length:N0} bytes, and its header describes {at:N0}: it is cut short or damaged.");
        string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
        return new ForeignModel
        {
            File = path,
            Keys =
            [
                ("architecture", "gpt2", path), ("n_ctx", Number(context), path), ("vocab_size", Number(padded), path), ("n_blocks", Number(layers), path),
                ("n_heads", Number(heads), path), ("d_model", Number(width), path),
            ],
            Weights = weights,
            Step = StepInName().Match(Path.GetFileName(path)) is { Success: true } match ? long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 0,
            Ids = (int)vocabulary,
            IsOfGpt2sTokens = vocabulary == TokenizerNames.Public["gpt2"],
        };
    }

    private static Tensor Read(string path, long at, long[] shape, ScalarType type)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        stream.Position = at;
        var tensor = empty(shape, dtype: type);
        stream.ReadExactly(tensor.bytes);
        return tensor;
    }

    [GeneratedRegex(@"^model_(\d{8})\.bin$")]
    private static partial Regex StepInName();
}
