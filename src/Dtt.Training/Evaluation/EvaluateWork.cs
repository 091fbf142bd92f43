using System.Globalization;
using System.Text.Json;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;
using Dtt.Training.Checkpoints;
using Dtt.Training.Model;
using Dtt.Training.Native;

namespace Dtt.Training.Evaluation;

/// <summary><c>dtt evaluate</c>: a checkpoint's validation metrics and answers, as they would be taken during training.</summary>
internal static class EvaluateWork
{
    /// <summary>Evaluates and prints.</summary>
    /// <param name="folder">The checkpoint.</param>
    /// <param name="manifestSha256">Its manifest's hash.</param>
    /// <param name="config">The run's configuration.</param>
    /// <param name="tokens">The tokens' folder.</param>
    /// <param name="tokenizer">The tokenizer's folder.</param>
    /// <param name="json">Whether JSON is printed.</param>
    /// <exception cref="BadDataException">Something is missing or damaged.</exception>
    public static void Run(string folder, string manifestSha256, RunConfig config, string tokens, string tokenizer, bool json)
    {
        var vocabulary = TokenizerFolder.Load(tokenizer);
        var manifest = CheckpointFolder.ReadManifest(folder, manifestSha256);
        if (manifest.TokenizerSha256 != vocabulary.Sha256) throw new BadDataException($"{folder} was trained with another tokenizer than the one in {tokenizer}; bring the right one back.");
        var choices = config.Choices is { } file ? new MultipleChoice(ChoiceFile.Read(file, config.MaxChoices, vocabulary)) : null;
        var device = TorchRuntime.Device(config.Cuda);
        using var parameters = new FlatParameters(ParameterTable.Of(config.Model), device, TorchRuntime.TrainsInBf16(config, device), forTraining: false);
        CheckpointFolder.Load(folder, manifest, config.Model, parameters, optimizer: null);
        var model = new Gpt(config.Model, parameters);
        var results = new SortedDictionary<string, double>(StringComparer.Ordinal);
        if (TokenIndex.Find(tokens) is { } index)
        {
            using var shards = TokenShards.Open(tokens, index, "val");
            foreach (var (name, value) in new Evaluator(shards, config, vocabulary, device).Run(model, () => { }) ?? new Dictionary<string, double>()) results[name] = value;
        }

        foreach (var (name, value) in choices?.Run(model, () => { }) ?? new Dictionary<string, double>()) results[name] = value;
        if (results.Count == 0) throw new BadDataException($"there is nothing to evaluate on: no validation tokens in {tokens}, and no --choices FILE.");
        if (json) Console.Out.WriteLine(JsonSerializer.Serialize(results, EvaluateJson.Default.SortedDictionaryStringDouble));
        else foreach (var (name, value) in results) Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-24} {value:0.0000}"));
    }
}

/// <summary>The JSON that is printed.</summary>
[System.Text.Json.Serialization.JsonSerializable(typeof(SortedDictionary<string, double>))]
internal sealed partial class EvaluateJson : System.Text.Json.Serialization.JsonSerializerContext;
