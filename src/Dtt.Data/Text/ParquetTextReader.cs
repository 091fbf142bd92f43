using ParquetSharp;

namespace Dtt.Data.Text;

/// <summary>Documents of a Parquet file: the text column's value of each row, page by page, of the row groups that begin in the slice.</summary>
internal sealed class ParquetTextReader : RecordReader
{
    private const int BatchRows = 1024;
    private readonly ParquetTable _table;
    private readonly (int Number, string Name) _column;
    private readonly short[] _levels = new short[BatchRows], _repetitions = new short[BatchRows];
    private readonly ByteArray[] _values = new ByteArray[BatchRows];
    private RowGroupReader? _group;
    private ColumnReader<ByteArray>? _reader;
    private short _present; // the level of a value that is there
    private int _nextGroup, _row, _rows, _value;
    private long _groupRow, _groupRows;
    private ByteArray _document;

    public ParquetTextReader(TextSlice slice, int most) : base(slice, most)
    {
        _table = new ParquetTable(slice.File);
        try
        {
            _column = _table.TextColumnOf(slice.TextField);
        }
        catch
        {
            _table.Dispose();
            throw;
        }
    }

    public override unsafe ReadOnlySpan<byte> Document => new((void*)_document.Pointer, _document.Length);

    private protected override string Field => _column.Name;

    private protected override string Place => $"row {_groupRow} of row group {_nextGroup - 1}";

    public override void Dispose()
    {
        _reader?.Dispose();
        _group?.Dispose();
        _table.Dispose();
    }

    private protected override bool NextRecord()
    {
        while (_row == _rows)
        {
            if (!NextBatch() && !NextGroup()) return false;
        }

        _groupRow++;
        if (_levels[_row++] < _present)
        {
            _document = default;
            throw Wrong($"has a null in '{Field}'");
        }

        _document = _values[_value++];
        return true;
    }

    /// <summary>Reads on in the row group; false at its end.</summary>
    private bool NextBatch()
    {
        if (_reader is null) return false;
        var (reader, place, left) = (_reader, $"row {_groupRow + 1} of row group {_nextGroup - 1}", _groupRows - _groupRow);
        if (left == 0 && reader.HasNext) throw _table.Damaged(place, $"its column '{Field}' has more than its {_groupRows:N0} rows");
        if (left == 0) return false;
        var (rows, values) = _table.Guarded(place, () => (reader.ReadBatch(Math.Min(left, BatchRows), _levels, _repetitions, _values, out var read), read));
        if (_present == 0) _levels.AsSpan().Clear(); // without nulls the file has no levels
        if (rows == 0) throw _table.Damaged(place, $"its column '{Field}' ends before its {_groupRows:N0} rows");
        (_row, _rows, _value) = (0, (int)rows, 0);
        return true;
    }

    /// <summary>Opens the next row group that begins in the slice; false behind the last.</summary>
    private bool NextGroup()
    {
        _reader?.Dispose();
        _group?.Dispose();
        (_reader, _group) = (null, null);
        var (starts, end) = (_table.RowGroupStarts, Slice.Offset + Slice.Length);
        while (_nextGroup < starts.Count && starts[_nextGroup] < Slice.Offset) _nextGroup++;
        if (_nextGroup == starts.Count || starts[_nextGroup] >= end) return false;
        var number = _nextGroup++;
        var group = _group = _table.RowGroup(number);
        _reader = _table.Guarded(ParquetTable.PlaceOf(number), () => (ColumnReader<ByteArray>)group.Column(_column.Number));
        (_groupRow, _groupRows, _present) = (0, group.MetaData.NumRows, _reader.ColumnDescriptor.MaxDefinitionLevel);
        return true;
    }
}
