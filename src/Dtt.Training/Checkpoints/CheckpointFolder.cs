using System.Security.Cryptography;
using System.Text.Json;
using Dtt.Core.Configuration;
using Dtt.Core.Diagnostics;
using Dtt.Core.Errors;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Core.Storage;
using Dtt.Data.Tokenizers;
using Dtt.Training.Model;
using Dtt.Training.Optimizers;
using static TorchSharp.torch;

namespace Dtt.Training.Checkpoints;

/// <summary>
/// One checkpoint on disk: <c>model.safetensors</c>, <c>optimizer.safetensors</c>, and <c>manifest.json</c> last. A folder without a committed
/// manifest hash does not exist for readers.
/// </summary>
internal static class CheckpointFolder
{
    private const string WeightsFile = "model.safetensors", StateFile = "optimizer.safetensors";

    /// <summary>The manifest of a committed checkpoint, and the tokenizer that it was trained with.</summary>
    /// <exception cref="BadDataException">One of them is missing or damaged, or the tokenizer is another one.</exception>
    public static (CheckpointManifest Manifest, Vocabulary Vocabulary) Open(CheckpointSource source)
    {
        var vocabulary = TokenizerFolder.Load(source.TokenizerFolder);
        var manifest = ReadManifest(source.Folder, source.ManifestSha256);
        return manifest.TokenizerSha256 == vocabulary.Sha256 ? (manifest, vocabulary)
            : throw new BadDataException($"{source.Folder} was trained with another tokenizer than the one in {source.TokenizerFolder}; "
                + "put the right one there again.");
    }

    /// <summary>Writes a checkpoint into a new folder, durably.</summary>
    /// <param name="folder">The folder; what an earlier try of this very attempt left there is replaced.</param>
    /// <param name="manifest">The manifest but for its files and weights' hash.</param>
    /// <param name="weights">Every weight, fp32.</param>
    /// <param name="state">The optimizer's whole state, fp32; null: none is written, and training can only start from it afresh.</param>
    /// <param name="atOnce">Whether cores are free to hash and to write both files at once.</param>
    /// <returns>What was written, to be committed.</returns>
    /// <exception cref="IOException">The disk is full or fails; nothing but this folder was touched.</exception>
    public static WrittenCheckpoint Write(
        string folder, CheckpointManifest manifest, IReadOnlyList<(string Name, Tensor Tensor)> weights, IReadOnlyList<(string Name, Tensor Tensor)>? state,
        bool atOnce = false)
    {
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        var (written, states) = ((Bytes: 0L, Sha256: "", TensorsSha256: ""), (Bytes: 0L, Sha256: "", TensorsSha256: ""));
        void WriteWeights() =>
            written = Safetensors.Write(Path.Combine(folder, WeightsFile), weights, () => CrashPoint.Reach("checkpoint.torn"), atOnce: atOnce);
        if (state is null) WriteWeights();
        else SideBySide.Run(atOnce, WriteWeights, () => states = Safetensors.Write(Path.Combine(folder, StateFile), state, atOnce: atOnce));
        CrashPoint.Reach("checkpoint.files");
        var weightsFile = new CheckpointFile(WeightsFile, written.Bytes, written.Sha256);
        var json = JsonSerializer.SerializeToUtf8Bytes(manifest with
        {
            WeightsSha256 = written.TensorsSha256,
            Files = state is null ? [weightsFile] : [weightsFile, new(StateFile, states.Bytes, states.Sha256)],
        }, CheckpointJson.Default.CheckpointManifest);
        DurableFile.Replace(Path.Combine(folder, CheckpointManifest.FileName), json);
        DurableFile.SyncFolder(Path.GetDirectoryName(folder)!);
        CrashPoint.Reach("checkpoint.manifest");
        return new WrittenCheckpoint
        {
            Step = manifest.Step,
            Attempt = manifest.Attempt,
            ManifestSha256 = Convert.ToHexStringLower(SHA256.HashData(json)),
            WeightsSha256 = written.TensorsSha256,
            SizeBytes = written.Bytes + states.Bytes + json.Length,
        };
    }

    /// <summary>Reads a committed checkpoint's manifest.</summary>
    /// <exception cref="BadDataException">It is gone or not the committed one.</exception>
    public static CheckpointManifest ReadManifest(string folder, string manifestSha256)
    {
        var file = Path.Combine(folder, CheckpointManifest.FileName);
        if (!File.Exists(file)) throw new BadDataException($"{file} is gone.");
        var json = File.ReadAllBytes(file);
        if (Convert.ToHexStringLower(SHA256.HashData(json)) != manifestSha256)
            throw new BadDataException($"{file} is not the manifest that was committed: it is damaged.");
        var manifest = JsonSerializer.Deserialize(json, CheckpointJson.Default.CheckpointManifest)!;
        return manifest.Format == CheckpointManifest.CurrentFormat ? manifest
            : throw new BadDataException($"{file} has format {manifest.Format}; this version reads {CheckpointManifest.CurrentFormat}.");
    }

    /// <summary>Loads weights, and the optimizer's state when there is one.</summary>
    /// <exception cref="BadDataException">
    /// The checkpoint is damaged, has weights that are not finite, or is of another model; the buffers hold nothing usable then.
    /// </exception>
    public static void Load(string folder, CheckpointManifest manifest, ModelConfig model, FlatParameters parameters, Optimizer? optimizer)
    {
        if (model.DifferencesFrom(manifest.Model) is { Count: > 0 } differences)
            throw new BadDataException($"{folder} is a checkpoint of another model: {string.Join("; ", differences)}.");
        using var scope = NewDisposeScope();
        CheckpointFile File(string name) => manifest.Files.FirstOrDefault(f => f.Name == name)
            ?? throw new BadDataException($"{folder}: the manifest names no {name}.");
        var (file, weights) = (Path.Combine(folder, WeightsFile), parameters.Named(parameters.Master).ToDictionary(s => s.Name, s => s.View));
        Safetensors.Read(file, File(WeightsFile), weights);
        foreach (var (name, view) in weights) FiniteWeights.Require(file, name, view);
        if (optimizer is not null)
        {
            using var state = optimizer.Blank();
            Safetensors.Read(Path.Combine(folder, StateFile), File(StateFile), state.Tensors().ToDictionary(s => s.Name, s => s.View));
            optimizer.Restore(state);
        }

        parameters.MasterChanged();
    }
}
