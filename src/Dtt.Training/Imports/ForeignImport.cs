using System.Globalization;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Core.Ranks;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;
using Dtt.Training.Checkpoints;
using Dtt.Training.HuggingFace;
using Dtt.Training.Model;
using Dtt.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Imports;

/// <summary>Makes a run of what another program trained: a Hugging Face folder, nanoGPT's or the Python DTT's file of torch.save, llm.c's model file.</summary>
internal static class ForeignImport
{
    private const string PythonDttFile = "model.pt";
    private const int SmallestValueBytes = 2; // of a weight in a file: bf16, fp16
    private const float Margin = 10; // in logits, below the smallest bias: e⁻¹⁰ of the least likely token

    /// <summary>Imports a file or folder.</summary>
    /// <exception cref="UserErrorException">It is of another kind, damaged, or would do more than hold data; nothing of a run stays.</exception>
    public static ImportResult Read(ImportSpec spec)
    {
        var inFolder = Path.Combine(spec.Path, PythonDttFile);
        if (Directory.Exists(spec.Path) && !File.Exists(inFolder)) return HuggingFaceImport.Read(spec);
        var file = Directory.Exists(spec.Path) ? inFolder : spec.Path;
        try
        {
            return Import(spec, ForeignTokens.IsModelOfLlmC(file) ? LlmC.Read(file) : OfTorch(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BadDataException($"{file} cannot be read: {e.Message.TrimEnd('.')}. Check its permissions and its disk.", e);
        }
    }

    private static ForeignModel OfTorch(string path)
    {
        var file = TorchFile.Open(path);
        if (NanoGpt.IsOne(file.Content)) return NanoGpt.Read(path, file);
        if (PythonDtt.IsOne(file.Content)) return PythonDtt.Read(path, file);
        throw new BadDataException($"{path} holds a model that DTT does not know: nanoGPT's ckpt.pt has 'model_args', the Python DTT's model.pt has "
            + "'embed.token_embedding.weight'. Others are imported from a Hugging Face folder with safetensors.");
    }

    private static ImportResult Import(ImportSpec spec, ForeignModel model)
    {
        var reader = new ConfigReader(RunKeys.All).SetFromCommandLine("name", spec.Name, "--name");
        ConfigLoader.CheckTogether(reader.Values, reader.Errors);
        reader.ThrowIfWrong();
        Describe(reader, model);
        var described = ModelConfig.From(reader.Values);
        var vocabulary = Tokenizer(spec, model, described);
        var (note, rows) = (new List<string>(), described.VocabSize);
        if (rows > vocabulary.Size)
            note.Add($"{rows - vocabulary.Size:N0} rows of its vocabulary of {rows:N0} belong to no token of its tokenizer and are left out");
        if (rows < vocabulary.Size) note.Add($"a row for {vocabulary.EndOfTextName}, which it has not, is added, so unlikely that it is never drawn");
        if (model.HasNoBiases) note.Add("it has no biases; they are 0, which is the same, and would be trained");
        reader.SetFromCommandLine("vocab_size", vocabulary.Size.ToString(CultureInfo.InvariantCulture), "--tokenizer");
        TorchRuntime.Load();
        using var weights = Load(model, described, described with { VocabSize = vocabulary.Size });
        return ImportedRun.Write(spec, reader.Values, vocabulary, weights, model.Step, note.Count == 0 ? null : string.Join("; ", note));
    }

    /// <summary>Sets what the file says of the model; what is wrong there is wrong in the file.</summary>
    private static void Describe(ConfigReader reader, ForeignModel model)
    {
        foreach (var (key, value, origin) in model.Keys) reader.SetFromCommandLine(key, value, origin);
        try
        {
            ConfigLoader.CheckTogether(reader.Values, reader.Errors);
            reader.ThrowIfWrong();
        }
        catch (ConfigurationException e)
        {
            throw new BadDataException(e.Message, e);
        }
    }

    private static Vocabulary Tokenizer(ImportSpec spec, ForeignModel model, ModelConfig described)
    {
        if (spec.Tokenizer is null && !model.IsOfGpt2sTokens)
        {
            throw new BadDataException($"{model.File} does not tell its tokenizer, and its {described.VocabSize:N0} ids are not GPT-2's: "
                + "name it with --tokenizer (gpt2, cl100k, o200k, or what `dtt import` made of the tokenizer's own file).");
        }

        var vocabulary = spec.Tokenizer is { } named ? TokenizerFolder.Open(named) : PublicTokenizer.Load("gpt2");
        var isWithoutEnd = described.Spec.Biases.HasFlag(Biases.Head)
            && vocabulary.Size == described.VocabSize + 1 && vocabulary.EndOfText == described.VocabSize;
        var ids = model.Ids ?? described.VocabSize;
        return vocabulary.Size <= ids || isWithoutEnd ? vocabulary : throw new BadDataException(
            $"{model.File} has {ids:N0} ids and the tokenizer {vocabulary.Size:N0}; the model has no rows for the others: "
            + "it was trained with another one.");
    }

    /// <summary>Reads the weights, fp32, on the CPU; names and shapes are checked before any memory is taken for them.</summary>
    private static FlatParameters Load(ForeignModel model, ModelConfig described, ModelConfig kept)
    {
        var (table, left) = (ParameterTable.Of(described), model.Weights.Keys.ToHashSet(StringComparer.Ordinal));
        bool IsMissing(ParameterSpec weight) => model.HasNoBiases && weight.Name.EndsWith(".bias", StringComparison.Ordinal) && !left.Contains(weight.Name);
        foreach (var weight in table)
        {
            if (IsMissing(weight)) continue;
            if (!model.Weights.TryGetValue(weight.Name, out var tensor)) throw new BadDataException($"{model.File} has no weight for '{weight.Name}'.");
            if (!tensor.Shape.SequenceEqual(weight.Shape))
                throw new BadDataException($"{model.File}: '{tensor.Name}' is {tensor.ShapeInWords}, and should be ({string.Join(", ", weight.Shape)}).");
        }

        var values = table.Where(w => !IsMissing(w)).Sum(w => w.Count);
        if (values * SmallestValueBytes > new FileInfo(model.File).Length)
            throw new BadDataException($"{model.File}: its weights are {values:N0} values, more than it has bytes for: several of them lie over each other.");
        left.ExceptWith(table.Select(w => w.Name));
        var head = described.Spec.Names.Head + ".weight";
        if (described.TieEmbeddings) left.Remove(head);
        if (left.FirstOrDefault() is { } extra)
            throw new BadDataException($"{model.File}: '{model.Weights[extra].Name}' is in it, and DTT's {described.Architecture} has no such weight.");
        var parameters = new FlatParameters(ParameterTable.Of(kept), CPU, bf16: false, forTraining: false);
        try
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            foreach (var (name, view) in parameters.Named(parameters.Master).ToList())
            {
                using var one = NewDisposeScope();
                if (model.Weights.TryGetValue(name, out var tensor)) Fill(view, Values(tensor), name);
            }

            var embedding = parameters.ViewOf(parameters.Table.Tokens.Name, parameters.Master);
            if (described.TieEmbeddings && model.Weights.TryGetValue(head, out var tied))
                RequireSame(tied, embedding, Math.Min(embedding.shape[0], described.VocabSize));
            return parameters;
        }
        catch
        {
            parameters.Dispose();
            throw;
        }
    }

    /// <summary>Copies a weight, or as many of its first rows as both have; a row of a head's bias that only the view has is below all others.</summary>
    private static void Fill(Tensor view, Tensor values, string name)
    {
        using var scope = NewDisposeScope();
        var rows = Math.Min(view.shape[0], values.shape[0]);
        if (rows < view.shape[0] && name.EndsWith(".bias", StringComparison.Ordinal))
        {
            using var low = (Number.Of(values.min()) - Margin).ToScalar();
            view.fill_(low);
        }

        view.narrow(0, 0, rows).copy_(values.narrow(0, 0, rows));
    }

    private static Tensor Values(ForeignTensor tensor)
    {
        using var scope = NewDisposeScope();
        var values = tensor.Read();
        if (!values.is_floating_point()) throw new BadDataException($"{tensor.File}: '{tensor.Name}' is {values.dtype}, which no weight is.");
        FiniteWeights.Require(tensor.File, tensor.Name, values);
        return values.to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    private static void RequireSame(ForeignTensor head, Tensor embedding, long rows)
    {
        using var scope = NewDisposeScope();
        if (head.Shape is [var there, var width] && there >= rows && width == embedding.shape[1]
            && Number.Of(Values(head).narrow(0, 0, rows).ne(embedding.narrow(0, 0, rows)).any().to(ScalarType.Float32)) == 0) return;
        throw new BadDataException($"{head.File}: '{head.Name}' is not its embedding, and DTT's model has one matrix for both: this model cannot be imported.");
    }
}
