using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Data.Text;
using Dtt.Data.Tokens;
using Dtt.Training.Checkpoints;
using Dtt.Training.Model;
using Dtt.Training.Native;
using Dtt.Training.Ranks;

namespace Dtt.Training.Evaluation;

/// <summary><c>dtt evaluate</c>: a checkpoint's validation metrics and answers, as training measures them.</summary>
internal static class EvaluateWork
{
    /// <summary>Evaluates, and tells the host what was measured.</summary>
    /// <exception cref="BadDataException">Something is missing or damaged, or there is nothing to evaluate on.</exception>
    public static void Run(EvaluateSpec spec, IRankChannel channel)
    {
        var source = spec.Source!;
        var config = RunConfig.Parse(source.ConfigYaml);
        if (spec.Choices is not null) config = config with { Choices = spec.Choices, MaxChoices = spec.MaxChoices };
        var (manifest, vocabulary) = CheckpointFolder.Open(source);
        var choices = config.Choices is { } file ? new MultipleChoice(ChoiceFile.Read(file, config.MaxChoices, vocabulary)) : null;
        TorchRuntime.Load();
        var device = TorchRuntime.Device(config.Cuda);
        using var parameters = new FlatParameters(ParameterTable.Of(config.Model), device, TorchRuntime.TrainsInBf16(config, device), forTraining: false);
        CheckpointFolder.Load(source.Folder, manifest, config.Model, parameters, optimizer: null);
        var model = new Gpt(config.Model, parameters, vocabulary.EndOfText);
        var results = new SortedDictionary<string, double>(StringComparer.Ordinal);
        void Add(IReadOnlyDictionary<string, double>? values)
        {
            foreach (var (name, value) in values ?? new Dictionary<string, double>()) results[name] = value;
        }

        List<TokenIndex> indexes = [.. source.TokensFolders.Select(TokenIndex.Find).OfType<TokenIndex>()];
        if (indexes.Count == source.TokensFolders.Count)
        {
            if (TokenIdentity.WhatElse(manifest.TokenData, TokenIdentity.Of([.. indexes.Select(i => i.Identity)]), source.TokensFolders) is { } other)
            {
                channel.Send(new JobProgress($"note: run '{manifest.Run}' was trained on {other}: "
                    + "this is the loss of other validation text, some of which it may have been trained on."));
            }

            var sets = ValidationSet.Open(source.TokensFolders, indexes, config.DatasetNames, manifest.Mixture);
            Add(new Evaluator(sets, config, vocabulary, device).Run(model, () => { }));
            foreach (var set in sets) set.Shards.Dispose();
        }

        Add(choices?.Run(model, () => { }));
        if (results.Count == 0)
        {
            throw new BadDataException("there is nothing to evaluate on: no validation tokens in "
                + $"{string.Join(", ", source.TokensFolders)}, and no --choices FILE.");
        }

        channel.Send(new EvaluateResult(results));
    }
}
