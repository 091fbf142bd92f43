using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Data.Order;
using Dtt.Training.Checkpoints;
using Dtt.Training.Data;
using Dtt.Training.Model;
using Dtt.Training.Native;
using Dtt.Training.Ranks;
using static TorchSharp.torch;

namespace Dtt.Training.Evaluation;

/// <summary><c>dtt batch</c>: the loss of each window of a step as a checkpoint sees it, without dropout.</summary>
internal static class WindowLossWork
{
    /// <summary>Computes them, and tells the host as they come.</summary>
    /// <exception cref="BadDataException">Something is missing or damaged.</exception>
    /// <exception cref="UserErrorException">The tokens are others than the run's.</exception>
    public static void Run(WindowLossSpec spec, IRankChannel channel)
    {
        var source = spec.Source!;
        var config = RunConfig.Parse(source.ConfigYaml);
        var (manifest, _) = CheckpointFolder.Open(source);
        TorchRuntime.Load();
        var device = TorchRuntime.Device(config.Cuda);
        using var data = TrainingData.Open(source.TokensFolders, source.TokenizerFolder, config, spec.GlobalBatchWindows);
        TokenIdentity.Require(manifest.TokenData, data.Identity, manifest.Run, source.TokensFolders);
        using var parameters = new FlatParameters(ParameterTable.Of(config.Model), device, TorchRuntime.TrainsInBf16(config, device), forTraining: false);
        CheckpointFolder.Load(source.Folder, manifest, config.Model, parameters, optimizer: null);
        var model = new Gpt(config.Model, parameters, data.Vocabulary.EndOfText);
        using var windows = BatchSource.ForTraining(data, config.Model.ContextLength, new PositionMap(spec.LeftOut));
        for (var step = spec.FirstStep; step <= spec.LastStep; step++)
        {
            for (var at = 0L; at < spec.GlobalBatchWindows; at += config.MicroBatchSize)
            {
                using var scope = NewDisposeScope();
                var count = (int)Math.Min(config.MicroBatchSize, spec.GlobalBatchWindows - at);
                var (inputs, targets) = windows.Read(((step - 1) * spec.GlobalBatchWindows + at, count), device);       // (B, T) each
                var losses = model.TokenLosses(inputs, targets).mean([1]).cpu();                                        // (B)
                channel.Send(new WindowLosses(step, at, [.. losses.data<float>().Select(l => (double)l)]));
            }
        }
    }
}
